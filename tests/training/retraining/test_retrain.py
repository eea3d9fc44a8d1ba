"""Retraining on the sample set with a policy of toy size: every stage for real, kills at any instant, both methods."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from clap.policies.checkpoint import open_checkpoint
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.predictor.predictor import FineActionPredictor
from demos.sample import SAMPLE
from demos.store.store import DemonstrationStore
from tests.support.killed_training import kill_at
from tests.support.rehearsal_shards import write_rehearsal
from tests.support.tiny_checkpoint import save_tiny_checkpoint
from training.commands.retrain import main, parser, settings_of
from training.data.recordings.export import Copies, export_training
from training.evaluation.rates import wilson
from training.retraining.evaluation import NEW, OLD, cells_of, shown_variations
from training.retraining.loop import STATE
from training.retraining.part import train_part
from training.retraining.planner import PlannerLearner
from training.retraining.predictor import PredictorLearner
from training.retraining.progress import RetrainingProgress, read_progress
from training.retraining.run_folder import RunFolder
from training.retraining.settings import RetrainingError, RetrainSettings

ROOT = Path(__file__).parents[3]
SECONDS = 2.0
"""CPU time of each part."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    """A folder with a checkpoint and what it rehearses."""
    folder = tmp_path_factory.mktemp("retrain")
    save_tiny_checkpoint(folder / "tiny")
    write_rehearsal(folder / "rehearsal")
    return folder


@pytest.fixture(scope="module")
def episode() -> str:
    with DemonstrationStore.open(SAMPLE, read_only=True) as store:
        return store.episodes()[0].id


def options(begun: Path, out: Path, episode: str, *more: str, seconds: float = SECONDS) -> list[str]:
    return [
        *("--recordings", str(SAMPLE), "--episodes", episode, "--checkpoint", str(begun / "tiny"), "--out", str(out)),
        *("--data", str(begun / "rehearsal"), "--rehearsal-shards", "1", "--minutes", str(seconds / 60)),
        *("--copies", "1", "--moments", "1", "--check-scenes", "1", "--workers", "1"),
        *("--episodes-new", "1", "--episodes-old", "0", *more),
    ]


def process(*arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training.retrain", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)


def wait_for(holds, seconds: float = 300.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {f"{path.parent.name}/{name}": value for path in sorted(folder.rglob("*.safetensors"))
            for name, value in load_file(path).items()}  # fmt: skip


def test_a_whole_retraining_makes_a_checkpoint_and_compares_it(begun, episode, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(options(begun, out, episode)) == 0
    run = RunFolder(out)
    assert not run.is_running
    phases = list(dict.fromkeys(line["phase"] for line in read_progress(run.progress)))
    assert [phase for phase in phases if phase not in ("planner", "predictor")] == [
        "demonstrations", "rehearsal", "training", "checkpoint", "evaluation", "done",
    ]  # fmt: skip
    for part in ("planner", "predictor"):
        lines = [line for line in read_progress(run.progress) if line["phase"] == part]
        assert any("loss" in line and line["minutes_left"] >= 0 for line in lines)
        assert any("new" in line and "old" in line for line in lines)
    open_checkpoint(run.checkpoint)
    before, after = weights(begun / "tiny"), weights(run.checkpoint)
    assert before.keys() == after.keys()
    changed = {name.split("/")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"planner", "predictor"}
    comparison = json.loads(run.comparison.read_text())
    (row,) = comparison["rows"]
    assert (row["kind"], row["task"], row["variation"]) == ("new", "block_in_same_cup", 3)
    for which in ("old", "new"):
        assert row[which]["episodes"] == 1
        assert row[which]["interval"] == [round(v, 4) for v in wilson(row[which]["successes"], 1)]
    assert "yellow block" in run.report.read_text()
    assert {"demonstrations", "training", "evaluation"} <= set(comparison["seconds"])
    assert not run.recorded.exists()
    assert main(["--out", str(out), "--resume"]) == 0
    assert main(options(begun, out, episode)) == 1
    assert "holds a run already" in capsys.readouterr().err
    assert (tmp_path / "trackio").is_dir() and any((tmp_path / "trackio").glob("*.db"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, episode) -> Path:
    out = tmp_path_factory.mktemp("recorded") / "shards"
    with DemonstrationStore.open(SAMPLE, read_only=True) as store:
        export_training(store, [episode], out, Copies(1, 1))
    return out


@pytest.mark.parametrize("part", ["planner", "predictor"])
def test_lora_trains_adapters_alone_and_merges_them_into_the_weights(begun, episode, recorded, tmp_path, part):
    settings = RetrainSettings(
        str(SAMPLE), (episode,), str(begun / "tiny"), "lora", data=str(begun / "rehearsal"), check_scenes=1
    )
    learner = {"planner": PlannerLearner, "predictor": PredictorLearner}[part](settings, recorded)
    trained = [name for name, parameter in learner.trained.named_parameters() if parameter.requires_grad]
    assert trained and all("lora_" in name for name in trained)
    rng = np.random.default_rng(0)
    for _ in range(2):
        for optimizer in learner.optimizers:
            optimizer.zero_grad()
        losses = learner.step(rng)
        assert np.isfinite(losses["loss"])
        for optimizer in learner.optimizers:
            optimizer.step()
    learner.export(tmp_path / part)
    before, after = weights(begun / "tiny" / part), weights(tmp_path / part)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert len(changed) >= 8
    assert not any("embed_tokens" in name or "norm" in name.lower() for name in changed)
    (CoarseTaskPlanner if part == "planner" else FineActionPredictor).load(tmp_path / part)


def test_a_killed_retraining_goes_on_from_its_last_state(begun, episode, tmp_path):
    out = tmp_path / "run"
    run = RunFolder(out)
    settings = settings_of(parser().parse_args(options(begun, out, episode, "--episodes-new", "0", seconds=4.0)))
    out.mkdir()
    RetrainSettings.made_of({**settings.to_json(), "checkpoint_seconds": 0.5}, "a test").save(run.settings)
    first = process("--resume", "--out", str(out))
    wait_for(lambda: all((run.part(part) / STATE).exists() for part in ("planner", "predictor")))
    assert run.is_running and run.group() == first.pid
    os.kill(first.pid, signal.SIGKILL)  # the trainings it started find themselves alone, keep their state and end
    first.wait()
    wait_for(lambda: not run.is_running)
    elapsed = torch.load(run.part("planner") / STATE, weights_only=True)["elapsed"]
    assert 0 < elapsed < 4
    lines = len(read_progress(run.progress))
    assert main(["--resume", "--out", str(out)]) == 0
    report = [line for line in read_progress(run.progress)[lines:] if line["phase"] == "planner" and "loss" in line]
    assert report and report[0]["share"] > elapsed / 4
    assert run.comparison.exists()


def test_a_part_that_is_killed_goes_on_from_its_last_state(begun, episode, recorded, tmp_path):
    run = RunFolder(tmp_path / "run")
    shutil.copytree(recorded, run.recorded)
    RetrainSettings(
        str(SAMPLE), (episode,), str(begun / "tiny"), data=str(begun / "rehearsal"), minutes=6 / 60, check_scenes=0,
        checkpoint_seconds=0.0,
    ).save(run.settings)  # fmt: skip
    state = run.part("predictor") / STATE
    kill_at(lambda: train_part(run, "predictor", os.getppid()), state)
    elapsed = torch.load(state, weights_only=True)["elapsed"]
    assert 0 < elapsed < 6
    again = multiprocessing.get_context("fork").Process(target=lambda: train_part(run, "predictor", os.getppid()))
    again.start()
    again.join()
    assert again.exitcode == 0 and (run.part("predictor") / "export").is_dir()
    assert torch.load(state, weights_only=True)["elapsed"] >= 6


def test_one_run_at_a_time_works_in_a_folder(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert not run.is_running and run.group() is None
    with run.hold():
        assert run.is_running
        with pytest.raises(RetrainingError, match="under way"):
            run.hold()
    assert not run.is_running


def test_a_line_that_a_kill_has_cut_is_left_out_of_the_progress(tmp_path):
    path = tmp_path / "progress.jsonl"
    path.write_bytes(b'{"phase": "planner", "step": 1}\n{"phase": "pla')
    RetrainingProgress(path).publish("cancelled")
    assert [line["phase"] for line in read_progress(path)] == ["planner", "cancelled"]


def test_what_was_shown_is_told_from_the_words_and_the_seed():
    with DemonstrationStore.open(SAMPLE, read_only=True) as store:
        takes = [record.labels.info for record in store.episodes()]
    shown = shown_variations(takes)
    assert len(shown) == 6 and "block_in_same_cup:3" in shown
    cells = cells_of(shown)
    assert [cell.kind for cell in cells].count(NEW) == 6
    same = next(cell for cell in cells if cell.kind == OLD and cell.task == "block_in_same_cup")
    new = next(cell for cell in cells if cell.kind == NEW and cell.task == "block_in_same_cup")
    assert not set(same.seeds(30_000, 10)) & set(new.seeds(30_000, 10))
    with pytest.raises(RetrainingError, match="no task"):
        cells_of(["juggle:1"])


@pytest.mark.parametrize(
    "wrong", [{"method": "magic"}, {"minutes": 0}, {"minutes": "1"}, {"episodes": []}, {"rank": 1.5}, {"colour": 1}]
)
def test_settings_of_the_wrong_kind_are_refused(wrong):
    fine = {"recordings": "r", "episodes": ["a"], "checkpoint": "c"}
    RetrainSettings.made_of(fine, "a test")
    with pytest.raises(RetrainingError):
        RetrainSettings.made_of({**fine, **wrong}, "a test")


def test_figures_never_leave_the_machine(tmp_path):
    """In a process of its own, whose sockets are all refused, and which is told to send figures elsewhere."""
    program = """
import socket, sys
def refuse(*args, **kwargs): raise SystemExit("it tried the network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from pathlib import Path
from training.retraining.tracking import Tracker
tracker = Tracker(Path(sys.argv[1]), "run", "planner", {"method": "full"})
tracker.log({"loss": 1.5}, 1)
tracker.log({"loss": 1.0}, 2)
tracker.finish()
assert tracker._run is not None
"""
    elsewhere = {"TRACKIO_SPACE_ID": "a/b", "TRACKIO_SERVER_URL": "http://127.0.0.1:9"}
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT, env={**os.environ, **elsewhere}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert list((tmp_path / "trackio").glob("*.db"))
