"""Configurations of trainings: a file, options that replace values of it, and errors that say what is wrong."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from training.baselines.train_rvt2 import BranchSettings
from training.planner.config import PlannerTrainingConfig
from training.predictor.settings import INPUTS, PredictorSettings
from training.trainer.config import TrainingConfigError, add_options, config_of, read_config, read_options
from training.trainer.training_run import Budget


def options(kind: type, *arguments: object):
    parser = argparse.ArgumentParser()
    add_options(parser, kind)
    return read_options(kind, parser.parse_args(list(map(str, arguments))))


def test_options_make_a_configuration_and_what_is_not_given_keeps_its_default():
    config = options(PlannerTrainingConfig, "--data", "d", "--out", "o", "--minutes", 5, "--no-plan-data")
    assert config == PlannerTrainingConfig("d", "o", minutes=5.0, plan_data=False)
    settings = options(PredictorSettings, "--data", "d", "--out", "o", "--samples", 7, "--encoder", "plain", "--resume")
    assert settings == PredictorSettings(Path("d"), Path("o"), samples=7, encoder="plain", resume=True)
    assert settings.budget == Budget(7, "samples")
    branch = options(BranchSettings, "--data", "d", "--out", "o", "--branch", "fine", "--minutes", 2)
    assert (branch.branch, branch.budget) == ("fine", Budget(120, "seconds"))


def test_options_replace_values_of_a_file(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"data": "d", "out": "o", "width": 64, "minutes": 3}), "utf-8")
    config = options(PlannerTrainingConfig, "--config", path, "--minutes", 4)
    assert config == PlannerTrainingConfig("d", "o", width=64, minutes=4.0)


@pytest.mark.parametrize("inputs", INPUTS)
def test_every_row_of_table_12_is_an_option(inputs):
    assert options(PredictorSettings, "--data", "d", "--out", "o", "--inputs", inputs).inputs == inputs


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"out": "o"}, "a test: the key data is missing"),
        ({"data": "d", "out": "o", "colour": 1}, "colour: there is no such key; known are: data, out, minutes"),
        ({"data": "d", "out": "o", "sample": 1}, "sample: there is no such key; did you mean samples?"),
        ({"data": "d", "out": "o", "batch": 1.5}, "batch: expected a whole number, found 1.5"),
        ({"data": "d", "out": "o", "resume": "yes"}, "resume: expected true or false, found 'yes'"),
        ({"data": "d", "out": "o", "encoder": "big"}, "encoder: expected one of clap, plain, found 'big'"),
        ({"data": "d", "out": "o", "minutes": float("nan")}, "minutes: expected a finite number"),
        ([], "expected keys with values below it"),
    ],
)
def test_errors_name_the_key_what_was_expected_and_what_is_known(values, sentence):
    with pytest.raises(TrainingConfigError) as raised:
        config_of(PredictorSettings, values, "a test")
    assert sentence in raised.value.sentence


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{", "utf-8")
    for name in ("run.json", "none.json"):
        with pytest.raises(TrainingConfigError, match=f"{name} cannot be read"):
            read_config(PlannerTrainingConfig, tmp_path / name)
