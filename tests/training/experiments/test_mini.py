"""The one command from nothing to clap-mini: what it puts together, and that a failing stage ends it."""

from __future__ import annotations

import json
import sys
import time

import pytest

from clap.policies.checkpoint import open_checkpoint
from tests.support.logged_run import write_logs
from training.evaluation.training_curves import read_curves
from training.experiments.mini import (
    assemble,
    data_commands,
    evaluation_command,
    parser,
    run_together,
    training_commands,
)


@pytest.fixture
def run(tmp_path):
    planner, predictor = tmp_path / "run" / "planner", tmp_path / "run" / "predictor"
    (predictor / "predictor" / "tokenizer").mkdir(parents=True)
    planner.mkdir()
    for path in (planner / "model.safetensors", predictor / "predictor" / "model.safetensors"):
        path.write_bytes(b"weights")
    (predictor / "predictor" / "tokenizer" / "tokenizer.json").write_text("{}")
    (planner / "training_state.pt").write_bytes(b"optimizers")
    (planner / "log.jsonl").write_text("{}\n")
    (planner / "training_record.json").write_text('{"minutes": 75}')
    (predictor / "evaluation.json").write_text('{"median_mm": 2}')
    return tmp_path / "run"


def test_a_checkpoint_holds_both_models_and_how_they_were_made_but_no_training_state(run, tmp_path):
    target = tmp_path / "clap-mini"
    target.mkdir()
    (target / "stale.json").write_text("{}")
    assemble(run, target, [[sys.executable, "-m", "training.planner.train", "--minutes", "75"]])
    record = open_checkpoint(target).record
    assert record["commands"] == ["python -m training.planner.train --minutes 75"]
    assert (record["planner"], record["predictor"]) == ({"minutes": 75}, {"median_mm": 2})
    names = sorted(path.name for path in target.rglob("*") if path.is_file())
    assert names == ["model.safetensors", "model.safetensors", "record.json", "tokenizer.json"]


def test_a_checkpoint_holds_the_curves_of_its_trainings_where_they_were_logged(run, tmp_path):
    write_logs(run)
    target = tmp_path / "clap-mini"
    assemble(run, target, [])
    curves = read_curves(target / "training_curves.json")
    assert len(curves["planner"]["training"]["loss"]) == len(curves["predictor"]["training"]["heatmap"]) == 200
    assert (target / "training_curves.json").stat().st_size < 60_000


def test_an_unfinished_run_leaves_the_old_checkpoint_as_it_is(run, tmp_path):
    target = tmp_path / "clap-mini"
    target.mkdir()
    (target / "old.json").write_text("{}")
    (run / "predictor" / "evaluation.json").unlink()
    with pytest.raises(FileNotFoundError):
        assemble(run, target, [])
    assert json.loads((target / "old.json").read_text()) == {}


def test_a_failing_stage_ends_the_run_and_stops_its_neighbour():
    failing = [sys.executable, "-c", "import sys; sys.exit(3)"]
    waiting = [sys.executable, "-c", "import time; time.sleep(60)"]
    for commands in ([failing, waiting], [waiting, failing]):
        started = time.monotonic()
        with pytest.raises(SystemExit, match="status 3"):
            run_together(commands)
        assert time.monotonic() - started < 30


def test_training_and_validation_data_share_no_demonstration_and_both_trainings_resume(tmp_path):
    args = parser().parse_args(["--data", str(tmp_path / "data"), "--demos", "10", "--workers", "2", "--resume"])
    data = data_commands(args)
    assert len(data) == 4
    training, validation = data[0], data[2]
    assert training[training.index("--demos") + 1] == "10" and "--first-demo" not in training
    assert int(validation[validation.index("--first-demo") + 1]) >= 10
    for command in training_commands(args):
        assert "--resume" in command
        assert command[command.index("--validation") + 1] == validation[validation.index("--out") + 1]


def test_what_is_evaluated_is_the_checkpoint_that_was_written_and_the_shipped_ones_command_holds_no_folder(tmp_path):
    shipped = evaluation_command(parser().parse_args([]), tmp_path)
    other = evaluation_command(parser().parse_args(["--out", str(tmp_path / "mine")]), tmp_path)
    assert "--checkpoint" not in shipped
    assert other[other.index("--checkpoint") + 1] == str(tmp_path / "mine")
