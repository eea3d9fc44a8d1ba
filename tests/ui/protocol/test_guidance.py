"""The page always says what to do now."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clap.episode.episode import EpisodeState
from clap.episode.snapshot import EpisodeSnapshot, InstructionProgress
from clap.errors import Failure
from clap.worlds.capabilities import Ability
from ui.protocol.guidance import hint


@pytest.mark.parametrize("state", EpisodeState)
@pytest.mark.parametrize("success", [True, False, None])
def test_every_state_has_a_sentence_that_says_what_to_do(state: EpisodeState, success: bool | None) -> None:
    snapshot = EpisodeSnapshot(state=state, task="touch", success=success)
    for variant in (
        snapshot,
        replace(snapshot, task=""),
        replace(snapshot, failure=Failure("x", "It broke.", "Mend it.")),
    ):
        sentence = hint(variant)
        assert sentence[0].isupper()
        assert sentence[-1] in ".…"


def test_what_the_hint_names_can_be_pressed() -> None:
    fresh = EpisodeSnapshot(
        state=EpisodeState.READY, has_world=True, policy_loaded=True, task="touch", instruction="touch the block"
    )
    assert hint(fresh) == "Type an instruction and press Plan, or press Run all for the scene's own."
    by_hand = replace(fresh, task="", instruction="", abilities=frozenset({Ability.MOVE}))
    assert hint(by_hand) == "Type an instruction and press Plan."
    under_way = replace(by_hand, progress=InstructionProgress.UNDER_WAY)
    assert "Press Predict" in hint(under_way)
    assert "Press Predict" in hint(replace(under_way, state=EpisodeState.STOPPED))
    over = replace(by_hand, progress=InstructionProgress.COMPLETE)
    assert hint(over) == "Type an instruction and press Plan."
    assert "Press Predict" not in hint(replace(over, state=EpisodeState.STOPPED))


def test_a_refused_prediction_is_said_to_be_refused(staged) -> None:
    one = staged().ready("touch the block")
    one.policies[0].offset = np.array([0.0, 0.0, -0.2])
    assert one.episode.predict()
    assert "refused" in hint(one.rest(EpisodeState.AWAITING))
