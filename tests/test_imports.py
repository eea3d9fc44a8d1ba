"""What importing a room costs: clap runs without the console, and its geometry without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

IMPORT_ALL = """
import importlib, pkgutil, {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    importlib.import_module(module.name)
"""


def modules_after(code: str) -> set[str]:
    """Names of all modules loaded once ``code`` has run in a fresh interpreter."""
    program = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_importing_all_of_clap_loads_no_console():
    loaded = {name.split(".")[0] for name in modules_after(IMPORT_ALL.format(package="clap"))}
    assert "numpy" in loaded
    assert not loaded & {"gradio", "gradio_client", "ui", "training", "demos", "torchvision"}


def test_importing_all_of_training_and_demos_loads_no_console():
    for package in ("training", "demos"):
        loaded = {name.split(".")[0] for name in modules_after(IMPORT_ALL.format(package=package))}
        assert not loaded & {"gradio", "ui"}


@pytest.mark.parametrize("module", ["clap.geometry", "clap.failures", "clap.worlds.world", "clap.policy"])
def test_contracts_are_light_to_import(module):
    loaded = {name.split(".")[0] for name in modules_after(f"import {module}")}
    heavy = loaded & {"torch", "transformers", "mujoco", "gradio", "open3d", "pandas"}
    assert not heavy


def test_geometry_needs_numpy_alone():
    loaded = modules_after("import clap.geometry")
    assert {name for name in loaded if name.startswith("clap")} == {"clap", "clap.geometry", "clap.failures"}
    assert "numba" not in loaded
