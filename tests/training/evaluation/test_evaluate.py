"""Evaluation: honest intervals, unattended runs through the episode's own loop, and resuming after a kill."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap.errors import WorldError
from clap.policies.checkpoint import open_checkpoint
from clap.policies.planner.local import CoarseTaskPlanner
from clap.rollout.rollout import MAX_STEPS
from clap.rollout.unattended import run_unattended
from clap.serving.application import make_application
from clap.worlds.tabletop.tasks import CONDITIONS, task_infos
from tests.support.kinematic_world import STEPS, KinematicWorld, TouchPolicy
from tests.support.openai_server import served
from training.commands.evaluate import choose_conditions, choose_tasks, main, make_jobs, parser
from training.evaluation.accuracy import accuracy
from training.evaluation.episode_job import Finished
from training.evaluation.rates import wilson
from training.evaluation.results import drop_cut_line, evaluate, read_records
from training.evaluation.step_facts import StepFacts
from training.evaluation.summary import markdown, summary


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_holds_the_rate_and_mirrors(counts):
    successes, episodes = counts
    low, high = wilson(successes, episodes)
    assert 0 <= low <= successes / episodes + 1e-12
    assert successes / episodes - 1e-12 <= high <= 1
    mirrored = wilson(episodes - successes, episodes)
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_wilsons_interval_for_known_counts():
    assert wilson(15, 25) == pytest.approx((0.4074, 0.7660), abs=1e-4)
    assert wilson(25, 25) == pytest.approx((0.8668, 1.0), abs=1e-4)


def test_an_unattended_run_takes_every_step_and_succeeds():
    world = KinematicWorld()
    result = run_unattended(world, TouchPolicy(world), world.reset("touch", 0))
    assert result.success and result.goal_holds and result.failure is None
    assert [step.step for step in result.log] == list(STEPS)
    assert {step.outcome for step in result.log} == {"reached"}


@pytest.mark.parametrize(
    ("bend", "name", "outcomes"),
    [
        (lambda world, policy: setattr(policy, "offset", np.array([0, 0, 2.0])), "out of the workspace", ["not moved"]),
        (lambda world, policy: setattr(world, "blocked", True), "pose not reached", ["pose not reached"]),
        (lambda world, policy: setattr(policy, "stuck", True), "step repeated without change", ["reached"] * 2),
    ],
)
def test_an_unattended_run_ends_with_a_named_failure(bend, name, outcomes):
    world = KinematicWorld()
    policy = TouchPolicy(world)
    instruction = world.reset("touch", 0)
    bend(world, policy)
    result = run_unattended(world, policy, instruction, correction=False)
    assert not result.success
    assert result.failure.name == name
    assert [step.outcome for step in result.log] == outcomes


class Wanderer(TouchPolicy):
    """Goes round and round: never the same step three times in a row, and never to the end."""

    decisions = 0

    def predict(self, request):
        self.decisions += 1
        return super().predict(replace(request, last_step=STEPS[self.decisions % 3], step=None))

    def plan(self, request):
        return super().plan(replace(request, last_step=STEPS[0]))


def test_an_unattended_run_ends_at_the_step_limit():
    world = KinematicWorld()
    result = run_unattended(world, Wanderer(world), "touch the block")
    assert (result.failure.name, result.steps_done) == ("step limit reached", MAX_STEPS)


def test_tasks_are_chosen_by_word_or_by_key():
    infos = task_infos()
    assert len(choose_tasks("all", infos)) == 8
    assert len(choose_tasks("trained", infos)) == 4
    assert not set(choose_tasks("trained", infos)) & set(choose_tasks("untrained", infos))
    assert choose_tasks("open_drawer, shape_in_cup", infos) == ["open_drawer", "shape_in_cup"]
    with pytest.raises(WorldError, match="open_drawer"):
        choose_tasks("opendrawer", infos)
    assert choose_conditions("all", CONDITIONS) == list(CONDITIONS)


def test_blocks_of_seeds_never_overlap_and_the_first_block_comes_first():
    arguments = ["--policy", "expert", "--episodes", "2", "--seeds", "3", "--first-seed", "7", "--out", "r.json"]
    jobs = make_jobs(parser().parse_args(arguments), ["open_drawer"], ["none", "distractors"])
    assert len({job.key for job in jobs}) == len(jobs) == 3 * 2 * 2
    assert [job.seed for job in jobs if job.condition == "none"] == [7, 8, 1007, 1008, 2007, 2008]
    assert {job.seed for job in jobs[:4]} == {7, 8}


def test_a_line_cut_short_by_a_kill_is_dropped_and_the_rest_kept(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"seed": 1}\n{"seed": 2}\n{"se')
    assert read_records(path) == [{"seed": 1}, {"seed": 2}]
    assert path.read_text().endswith('{"se')  # who only reads leaves the file of a running evaluation alone
    drop_cut_line(path)
    assert path.read_text() == '{"seed": 1}\n{"seed": 2}\n'
    assert read_records(tmp_path / "none.jsonl") == []


def record(task, seed, success):
    failure = None if success else {"name": "pose not reached", "sentence": "", "next_move": ""}
    fault = None if success else {"name": "motion", "step": None, "why": ""}
    run = {"policy": "clap", "model": "abc", "cameras": "four", "correction": "on"}
    done = [{"finding": "nothing grasped", "remedy": "retry"}] * (seed % 3)
    report = {"failure": failure, "fault": fault, "corrections": done, "facts": []}
    return {
        **run,
        **report,
        "task": task,
        "condition": "none",
        "seed": seed,
        "success": success,
        "steps": 4,
        "seconds": 1.0,
    }


def test_the_table_counts_tasks_and_averages_trained_and_untrained_apart():
    records = [record("open_drawer", seed, seed % 2 == 0) for seed in range(10)]
    records += [record("shape_in_cup", seed, False) for seed in range(10)]
    result = summary(records, {info.key: info for info in task_infos()}, "the command")
    assert result["cells"][0]["failures"] == {"pose not reached": 5}
    assert result["cells"][0]["classes"] == {"motion": 5}
    assert result["seed_blocks"] == [[0, 9]]
    assert result["overall"]["successes"] == 5
    assert [(a["trained"], a["successes"], a["episodes"]) for a in result["averages"]] == [
        (True, 5, 10),
        (False, 0, 10),
    ]
    text = markdown(result)
    assert "| Open drawer | yes | 5/10 = 50 % (24 to 76) |" in text
    assert "**average of the untrained tasks** |  | 0/10 = 0 % (0 to 28) |" in text
    assert "`the command`" in text
    assert "seeds 0 to 9" in text
    assert "it acted in 12 of 20 episodes, 3 of which succeeded (nothing grasped: retry 18)." in text


def decision(subtask, wanted, px):
    facts = StepFacts(wanted, wanted=wanted, subtask=subtask, keypoint_px=px, position_mm=1.0, rotation_deg=1.0)
    return facts.as_json()


def test_a_step_that_a_correction_brings_back_counts_once_among_the_first_decisions():
    steps = [("grasp", 1.0), ("grasp", 50.0), ("lift", 50.0), ("grasp", 50.0)]
    again = [decision(0, *step) for step in steps] + [decision(1, "grasp", 8.0), decision(-1, "", None)]
    measured = accuracy([{"facts": again}, {"facts": [decision(0, "grasp", 2.0)]}])
    assert measured["keypoints"] == 6
    assert measured["keypoints_close"] == 0.5
    assert measured["keypoints_first_close"] == 0.75


def test_the_command_evaluates_the_expert_and_resumes(tmp_path, capsys):
    out = tmp_path / "results.json"
    arguments = ["--policy", "expert", "--tasks", "block_in_same_cup", "--episodes", "1", "--out", str(out)]
    assert main(arguments) == 0
    first = capsys.readouterr()
    assert "| Put block in cup of the same colour | yes | 1/1 = 100 %" in first.out
    lines = out.with_suffix(".jsonl").read_text()
    assert len(json.loads(lines)["log"]) == len(json.loads(lines)["facts"]) == 4
    assert main(arguments) == 0
    assert "1 of 1 episodes are already there" in capsys.readouterr().err
    assert out.with_suffix(".jsonl").read_text() == lines
    result = json.loads(out.read_text())
    assert result["cells"][0]["successes"] == 1
    assert result["accuracy"]["none"]["keypoints_close"] == result["accuracy"]["none"]["plans_right"] == 1.0


def test_what_was_measured_without_correction_is_not_mixed_in(tmp_path):
    options = parser().parse_args(["--policy", "expert", "--episodes", "3", "--out", "r.json"])
    jobs = make_jobs(options, ["open_drawer"], ["none"])
    assert {job.correction for job in jobs} == {"on"}
    lines = [{**vars(job), "fault": None, "steps": 4, "seconds": 1.0} for job in jobs]
    del lines[0]["correction"]
    lines[1]["correction"] = "off"
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = []

    def run(todo):
        ran.extend(todo)
        return (Finished({**vars(job), "fault": None, "steps": 4, "seconds": 1.0}) for job in todo)

    evaluate(jobs, path, run)
    assert ran == jobs[:2]


def test_a_served_planner_is_evaluated_as_a_model_of_its_own(tmp_path, capsys):
    out, shipped = tmp_path / "r.json", open_checkpoint(None)
    arguments = ["--tasks", "open_drawer", "--episodes", "1", "--out", str(out)]
    with served(make_application(CoarseTaskPlanner.load(shipped.planner), "clap-mini")) as url:
        assert main([*arguments, "--planner-url", url]) == 0
        (line,) = read_records(out.with_suffix(".jsonl"))
        assert line["model"] == f"{shipped.fingerprint()} with clap-mini"
        assert line["success"], line["failure"]
        assert main([*arguments, "--planner-url", url, "--planner-model", "clap-mini"]) == 0
        assert "1 of 1 episodes are already there" in capsys.readouterr().err
    options = parser().parse_args(arguments)
    assert make_jobs(options, ["open_drawer"], ["none"])[0].model == shipped.fingerprint()


@pytest.mark.parametrize("arguments", [["--planner-model", "m"], ["--policy", "expert", "--planner-url", "http://x"]])
def test_a_planner_server_is_not_passed_over(tmp_path, arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path / "r.json")])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", "fly"], 'no task "fly"'),
        (["--conditions", "fog"], 'no condition "fog"'),
        (["--checkpoint", "/nowhere"], "no checkpoint at"),
        (["--policy", "rvt2", "--checkpoint", "/nowhere"], "no weights (safetensors) in /nowhere"),
        (["--planner-url", "http://127.0.0.1:9"], "127.0.0.1:9"),
    ],
)
def test_wrong_options_are_answered_with_a_sentence(tmp_path, capsys, arguments, words):
    assert main([*arguments, "--out", str(tmp_path / "r.json")]) == 2
    assert words in capsys.readouterr().err
