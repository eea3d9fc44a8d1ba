"""What the policy refuses is shown to it on the page: steps written, every pose nudged, the take recorded and kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clap.policies.checkpoint import default_checkpoint
from clap.worlds.tabletop.tasks import STACK
from demos.frames import HUMAN, Outcome
from demos.store.store import DemonstrationStore
from training.data.recordings.steps import recorded_steps
from training.experiments.closed_loop.operator import record_takes

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (requirements-dev.txt)")

pytestmark = pytest.mark.browser


def test_an_operator_shows_what_the_policy_refuses(tmp_path: Path) -> None:
    scene = (STACK, 0, range(5000, 5001))
    with ThreadPoolExecutor(1) as apart:  # Playwright of the other tests holds this thread
        told = apart.submit(lambda: [*record_takes(default_checkpoint(), tmp_path / "set", *scene, tmp_path / "runs")])
        assert told.result() == ["seed 5000: kept"]
    with DemonstrationStore.open(tmp_path / "set", read_only=True) as store:
        (record,) = store.episodes()
        episode = store.read(record.id)
    assert (record.labels.outcome, record.labels.source) == (Outcome.SUCCESS, HUMAN)
    assert record.labels.info.policy.startswith("CLAP") and "red block" in record.task
    steps = recorded_steps(episode)
    assert [step.index for step in steps] == [0, 1, 2, 3]
    assert steps[-1].step == "the robot places the red block above the green block"
    assert [step.action.gripper_open for step in steps] == [True, False, False, True]
