"""What pages are sent: the names that it spells out are the robot's own, and the page's types are made of it."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from clap.episode.snapshot import EpisodeState
from clap.worlds.capabilities import Ability
from ui.protocol import generate, messages
from ui.station.channel import BINARY, KINDS


def test_states_and_abilities_are_those_of_the_episode_and_the_world() -> None:
    assert get_args(messages.StateName) == tuple(state.value for state in EpisodeState)
    assert set(get_args(messages.AbilityName)) == {ability.value for ability in Ability}


def test_every_kind_of_frame_is_a_message_or_the_stations_own() -> None:
    texts = {form.model_fields["type"].default for form in get_args(messages.ConsoleMessage)}
    headers = {form.model_fields["type"].default for form in get_args(messages.BinaryHeader)}
    assert headers == BINARY
    assert set(KINDS) - headers - texts == {"up", "cannot-start"}
    assert texts - set(KINDS) == {"stop-ack", "pong", "lease", "queue", "retraining"}, "what the server itself says"


def test_no_number_goes_out_that_is_not_finite() -> None:
    with pytest.raises(ValidationError, match="finite"):
        messages.Halted(stop=1, seconds=float("nan"), at=0.0)


def test_a_file_name_that_is_no_text_goes_out_with_question_marks() -> None:
    assert messages.Refused(sentence="take-\udcff is torn").to_json().count("take-? is torn") == 1


def test_the_pages_types_are_up_to_date() -> None:
    assert generate.TARGET.read_text("utf-8") == generate.types(), "run: make format"
