"""The same episodes in this process and on Ray give the same records; what is missing is answered with a sentence."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from clap.errors import CheckpointError
from training.commands.evaluate import main
from training.evaluation.episode_job import Job
from training.evaluation.jobs import fingerprint, run_job
from training.evaluation.runners import LOCAL_RAY, RayMissingError, run_jobs, run_jobs_on_ray

JOBS = [Job("expert", "", "", "four", "on", "open_drawer", "none", seed) for seed in (3, 4)]
MEASURED = ("seconds", "log")
"""Fields with wall times in them."""


def comparable(finished):
    return {one.record["seed"]: {k: v for k, v in one.record.items() if k not in MEASURED} for one in finished}


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray, an optional package, is not installed")
def test_ray_gives_the_records_of_one_process():
    assert comparable(run_jobs_on_ray(JOBS, LOCAL_RAY, 2)) == comparable(run_jobs(JOBS, 1))


def test_without_ray_the_command_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RayMissingError, match="pip install"):
        next(run_jobs_on_ray(JOBS, LOCAL_RAY, 2))
    options = ["--policy", "expert", "--tasks", "open_drawer", "--episodes", "1", "--ray"]
    assert main([*options, "--out", str(tmp_path / "r.json")]) == 2
    assert "pip install" in capsys.readouterr().err


def test_weights_that_changed_under_a_running_evaluation_are_noticed(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"one")
    before = fingerprint("rvt2", str(tmp_path))
    weights.write_bytes(b"two")
    assert fingerprint("rvt2", str(tmp_path)) != before
    with pytest.raises(CheckpointError, match="not those"):
        run_job(Job("rvt2", str(tmp_path), before, "four", "on", "open_drawer", "none", 0))


def test_a_folder_without_weights_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="no weights"):
        fingerprint("rvt2", str(tmp_path))
