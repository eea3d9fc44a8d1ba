"""What importing a room costs: clap runs without the console, and its geometry without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

IMPORT_ALL = """
import importlib, json, pkgutil, sys
for room in {rooms}:
    for module in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
        importlib.import_module(module.name)
    print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""


def run(program: str) -> list[set[str]]:
    """Run a program in a fresh interpreter; it prints JSON lists, one a line, which are returned as sets."""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return [set(json.loads(line)) for line in ran.stdout.splitlines() if line.startswith("[")]


def modules_after(module: str) -> set[str]:
    """Full names of all modules that importing ``module`` loads."""
    return run(f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))")[0]


def test_only_the_room_of_the_console_loads_the_console():
    after_clap, after_demos, after_training = run(IMPORT_ALL.format(rooms=("clap", "demos", "training")))
    assert "numpy" in after_clap
    assert not after_clap & {"gradio", "ui", "training", "demos", "torchvision"}
    assert not after_demos & {"gradio", "ui", "training"}
    assert not after_training & {"gradio", "ui"}


@pytest.mark.parametrize("module", ["clap.geometry.frames", "clap.errors", "clap.worlds.base", "clap.policies.base"])
def test_contracts_are_light_to_import(module):
    loaded = {name.split(".")[0] for name in modules_after(module)}
    heavy = loaded & {"torch", "transformers", "mujoco", "gradio", "open3d", "pandas"}
    assert not heavy


def test_geometry_needs_numpy_alone():
    loaded = modules_after("clap.geometry.frames")
    assert {name for name in loaded if name.startswith("clap")} == {
        "clap",
        "clap.geometry",
        "clap.geometry.frames",
        "clap.errors",
    }
    assert "numba" not in loaded
