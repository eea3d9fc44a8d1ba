"""Retraining by the live link: only who operates starts, cancels and swaps; runs outlive the server that began them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from demos.sample import SAMPLE
from demos.store.store import DemonstrationStore
from tests.support.console_page import Page, console, opened
from tests.support.kinematic_station import eventually, station
from tests.support.rehearsal_shards import write_rehearsal
from tests.support.tiny_checkpoint import save_tiny_checkpoint
from training.commands.retrain import LOW
from training.retraining.progress import RetrainingProgress, read_progress
from training.retraining.run_folder import RunFolder
from training.retraining.settings import RetrainingError, RetrainSettings
from ui.panels.retraining.panel import retraining_panel
from ui.panels.retraining.runs import DEFAULTS, Retrainings
from ui.protocol import forms
from ui.protocol.commands import RetrainCommand

RETRAIN_VERBS = [verb for verb, form in forms().items() if issubclass(form, RetrainCommand)]
ORDERS: dict[str, dict[str, Any]] = {
    "retrain-start": {"set": "sample", "episodes": ["a"], "method": "full", "minutes": 1.0},
    **{verb: {"run": "20260101-000000"} for verb in RETRAIN_VERBS if verb != "retrain-start"},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("retraining") / "tiny")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs are kept; what they do there is small."""
    folder = tmp_path_factory.mktemp("runs")
    rehearsal = write_rehearsal(folder.parent / "rehearsal", scenes=8)
    small = {"data": str(rehearsal), "rehearsal_shards": 1, "copies": 1, "moments": 1, "check_scenes": 0}
    small |= {"episodes_new": 0, "episodes_old": 0, "checkpoint_seconds": 0.5}
    (folder / DEFAULTS).write_text(json.dumps(small))
    return folder


@pytest.fixture(scope="module")
def served(runs: Path, tiny: Path) -> Iterator[tuple[TestClient, Retrainings]]:
    made = Retrainings({"sample": SAMPLE}, tiny, runs)
    with station() as world, TestClient(console(world, None, made), base_url="http://localhost") as client:
        yield client, made


@pytest.fixture
def retrainings(served: tuple[TestClient, Retrainings], runs: Path) -> Iterator[Retrainings]:
    """Without a run, before and after a test."""
    yield served[1]
    for path in runs.glob("2*"):
        group = RunFolder(path).group()
        if group is not None:
            os.killpg(group, signal.SIGKILL)
        if path.is_symlink():
            path.unlink()
        else:
            shutil.rmtree(path)
    shutil.rmtree(runs / "not-a-run", ignore_errors=True)


@pytest.fixture
def client(served: tuple[TestClient, Retrainings], retrainings: Retrainings) -> TestClient:
    return served[0]


def episode() -> str:
    with DemonstrationStore.open(SAMPLE, read_only=True) as store:
        return store.episodes()[0].id


def a_run(runs: Path, name: str, tiny: Path, *phases: str) -> RunFolder:
    """A run that is not under way, with a line for each phase."""
    run = RunFolder(runs / name)
    run.path.mkdir(parents=True)
    RetrainSettings(str(SAMPLE), (episode(),), str(tiny)).save(run.settings)
    for phase in phases:
        RetrainingProgress(run.progress).publish(phase)
    return run


def done(page: Page, order: str) -> bool:
    while True:
        told = page.next("retraining")
        if told["order"] == order:
            return bool(told["done"])


def test_a_retraining_runs_on_without_the_server_and_is_cancelled_and_resumed_by_the_next(
    client: TestClient, retrainings: Retrainings, tiny: Path, runs: Path
) -> None:
    with opened(client) as page:
        page.settled("ready")
        page.send("retrain-start", set="sample", episodes=[episode()], method="full", minutes=30.0)
        assert done(page, "retrain-start")
        shown = client.get("/clap/retraining").json()
        name = shown["shown"]["name"]
        assert [(run["name"], run["state"]) for run in shown["runs"]] == [(name, "running")]
        page.send("retrain-start", set="sample", episodes=[episode()], method="full", minutes=30.0)
        assert "is under way" in page.refused()
    # A console that is started anew finds it, whoever began it.
    anew = Retrainings({"sample": SAMPLE}, tiny, runs)
    progress = anew.get(name).folder.progress
    assert eventually(lambda: any("loss" in line for line in read_progress(progress)), 300)
    assert os.getpriority(os.PRIO_PROCESS, anew.get(name).folder.group() or 0) == LOW
    panel = retraining_panel(anew, None)["shown"]
    assert panel["doing"] == "Training" and 20 < panel["minutes_left"] < 10_000 and 0 <= panel["share"] < 0.2
    assert [chart["title"] for chart in panel["sections"][0]["charts"]] == ["Loss"]
    with pytest.raises(RetrainingError, match="no checkpoint yet"):
        anew.checkpoint_of(name)
    anew.cancel(name)
    assert eventually(lambda: anew.get(name).state == "cancelled", 120)
    assert anew.get(name).can_resume and "Resume" in retraining_panel(anew, name)["shown"]["sentence"]
    told = len(list(read_progress(progress)))
    anew.resume(name)
    assert anew.get(name).state == "running"
    assert eventually(lambda: len(list(read_progress(progress))) > told, 120)  # it has begun
    group = anew.get(name).folder.group()
    assert group is not None
    os.killpg(group, signal.SIGKILL)
    assert eventually(lambda: anew.get(name).state == "interrupted", 20)


def test_only_the_operator_orders(client: TestClient, retrainings: Retrainings, runs: Path) -> None:
    assert set(ORDERS) == set(RETRAIN_VERBS)
    with opened(client) as operator:
        operator.settled("ready")
        with opened(client) as watcher:
            for verb, fields in ORDERS.items():
                watcher.send(verb, **fields)
                assert "operates now" in watcher.refused()
    assert retrainings.all() == []


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        ("retrain-start", {**ORDERS["retrain-start"], "episodes": ["--data=/etc"]}),
        ("retrain-start", {**ORDERS["retrain-start"], "episodes": ["../../x"]}),
        ("retrain-start", {**ORDERS["retrain-start"], "episodes": []}),
        ("retrain-start", {**ORDERS["retrain-start"], "set": "/etc"}),
        ("retrain-start", {**ORDERS["retrain-start"], "set": "recordings"}),
        ("retrain-start", {**ORDERS["retrain-start"], "method": "--help"}),
        ("retrain-start", {**ORDERS["retrain-start"], "minutes": 1e9}),
        ("retrain-use", {"run": "../tiny"}),
        ("retrain-use", {"run": ".rehearsal"}),
        ("retrain-resume", {"run": "x" * 100}),
        ("retrain-cancel", {"run": "20260101-000000"}),
        ("checkpoint", {"name": "x", "folder": "/tmp"}),
    ],
)
def test_what_a_page_says_becomes_no_path_and_no_option(
    client: TestClient, retrainings: Retrainings, order: str, fields: dict[str, Any]
) -> None:
    with opened(client) as page:
        page.settled("ready")
        page.send(order, **fields)
        assert page.refused()
    assert retrainings.all() == []


def test_a_checkpoint_is_put_to_use_and_the_former_again(
    client: TestClient, retrainings: Retrainings, runs: Path, tiny: Path
) -> None:
    run = a_run(runs, "20260101-000000", tiny, "done")
    with opened(client) as page:
        page.settled("ready")
        page.send("retrain-use", run=run.name)
        assert "no checkpoint yet" in page.refused()
        shutil.copytree(tiny, run.checkpoint)
        page.send("retrain-use", run=run.name)
        policies = page.next("policies")["policies"]
        assert policies[-1]["name"] == f"CLAP ({run.name})"
        page.status_where(policy=f"CLAP ({run.name})", busy=False)
        page.send("policy", name="touch")
        page.status_where(policy="touch", busy=False)
        with opened(client) as later:
            assert [one["name"] for one in later.next("policies")["policies"]][-1] == f"CLAP ({run.name})"


def test_without_retraining_the_page_is_told_why(tiny: Path) -> None:
    with station() as made, TestClient(console(made), base_url="http://localhost") as client:
        assert "--worlds" in client.get("/clap/retraining").json()["why"]
        with opened(client) as page:
            page.settled("ready")
            page.send("retrain-start", **ORDERS["retrain-start"])
            assert "--worlds" in page.refused()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"rows": [{"kind": "x"}]}', b"[" * 100_000, b'{"rows": {}}'])
def test_files_that_are_not_as_they_should_be_are_left_aside(
    retrainings: Retrainings, runs: Path, tiny: Path, content: bytes
) -> None:
    run = a_run(runs, "20260101-000000", tiny, "planner", "failed")
    run.comparison.write_bytes(content)
    with run.progress.open("ab") as file:
        file.write(b'{"phase": "planner", "share": NaN, "loss": "x"}\n\xff\xfe\n{"phase": 3}\n')
        file.write(b'{"phase": "evaluation", "successes": [1], "done": "a", "of": 0}\n')
    run.log.write_bytes(b"\xff" * 20_000 + b"\nthe end")
    (runs / "not-a-run").mkdir()
    (runs / "20260101-000001").symlink_to("/nowhere")
    (runs / "20260101-000002").mkdir()
    (runs / "20260101-000002" / "settings.json").write_bytes(content)
    panel = retraining_panel(retrainings, None)
    assert [one["name"] for one in panel["runs"]] == [run.name]
    assert panel["shown"]["log"].endswith("the end")
    json.dumps(panel, allow_nan=False)


def test_two_are_never_begun_at_once(retrainings: Retrainings, runs: Path, tiny: Path) -> None:
    run = a_run(runs, "20260101-000000", tiny)
    with run.hold():
        assert retrainings.get(run.name).state == "running"
        for begin in (
            lambda: retrainings.start("sample", [episode()], "full", 1.0),
            lambda: retrainings.resume(run.name),
        ):
            with pytest.raises(RetrainingError, match="is under way"):
                begin()
    assert retrainings.get(run.name).state == "interrupted"


def test_a_retraining_that_fails_says_so(retrainings: Retrainings) -> None:
    name = retrainings.start("sample", ["no-such-episode"], "full", 1.0)
    until = time.monotonic() + 300
    while retrainings.get(name).state == "running":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert retrainings.get(name).state == "failed"
    assert "no-such-episode" in retraining_panel(retrainings, name)["shown"]["sentence"]
