"""What may be done with demonstrations: the table written out, and told with the status before it counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from clap.episode.snapshot import EpisodeSnapshot, EpisodeState
from demos.recording.preconditions import objections
from tests.support.kinematic_station import station
from tests.ui.station.test_recording import Received
from ui.protocol.commands import AnyDemoCommand, AnyRecordCommand
from ui.station.demonstration_preconditions import (
    EDITS,
    RECORDS,
    Demonstrations,
    as_sentences,
    demonstration_objections,
)


def verbs(commands: Any) -> set[str]:
    """The ``type`` of each model in a union."""
    return {kind.model_fields["type"].default for kind in get_args(commands)}


COLUMNS = ("begin", "resume", "mark", "end", "commit", "discard", "edits", "undo", "replay")

SENTENCES = {
    "off": "Recording is off.",
    "opens": "The recordings are being opened. Wait a moment.",
    "open": "A take is in progress. Commit or discard it first.",
    "none": "No take is being recorded. Begin one.",
    "unsaid": "A take needs an instruction. Set up a scene, or say what is to be done.",
    "early": "There is no frame yet that could be marked. Move the arm first.",
    "empty": "The take has no frame yet. Record something, or discard it.",
    "moves": "The arm is moving. Wait until it rests, then try again.",
    "records": "A take is being recorded. End it first.",
    "no-undo": "There is no edit that could be undone. Nothing was changed.",
    "busy": "The arm has something to do already. Wait until it rests, or press Stop.",
}

IDLE = objections(None, 0, "touch the block")
EMPTY = objections(0, 0, "touch the block")
FULL = objections(5, 5, "touch the block")
RESUMED = objections(5, 0, "touch the block")
READY, PLANNING, MOVING, DRIVING = (
    EpisodeState.READY,
    EpisodeState.PLANNING,
    EpisodeState.MOVING,
    EpisodeState.DRIVING,
)

# state of the episode, what is known of the demonstrations, and the objections in the order of the columns
TABLE = {
    "off": (READY, Demonstrations("Recording is off.", None, False, False, False), "off " * 8 + "-"),
    "opening": (READY, Demonstrations("", None, False, False, False), "opens " * 8 + "-"),
    "idle": (READY, Demonstrations("", IDLE, False, False, False), "- - none none none none - no-undo -"),
    "nothing said": (
        READY,
        Demonstrations("", objections(None, 0, " "), False, True, False),
        "unsaid - none none none none - - -",
    ),
    "recording": (
        READY,
        Demonstrations("", FULL, True, True, False),
        "open open - - - - records records records",
    ),
    "recording without a frame": (
        PLANNING,
        Demonstrations("", EMPTY, True, False, False),
        "open open early - empty - records records records",
    ),
    "ended": (READY, Demonstrations("", FULL, False, True, False), "open open - - - - - - -"),
    "resumed": (READY, Demonstrations("", RESUMED, False, True, False), "open open early - - - - - -"),
    "planning": (PLANNING, Demonstrations("", IDLE, False, True, False), "- - none none none none - - busy"),
    "moving": (MOVING, Demonstrations("", IDLE, False, True, False), "- - none none none none moves moves busy"),
    "driving": (DRIVING, Demonstrations("", IDLE, False, True, False), "- - none none none none moves moves busy"),
    "replaying": (READY, Demonstrations("", IDLE, False, True, True), "- - none none none none - - busy"),
}


@pytest.mark.parametrize("situation", TABLE)
def test_what_is_accepted_and_why_not(situation: str) -> None:
    state, now, cells = TABLE[situation]
    row = {column: SENTENCES.get(cell) for column, cell in zip(COLUMNS, cells.split(), strict=True)}
    edits = row.pop("edits")
    expected = {**dict.fromkeys(EDITS, edits), "demo-undo": row.pop("undo"), "demo-replay": row.pop("replay")}
    expected |= {f"record-{verb}": sentence for verb, sentence in row.items()}
    assert as_sentences(demonstration_objections(EpisodeSnapshot(state=state), now)) == expected


def test_the_table_is_of_all_that_pages_may_ask() -> None:
    asked = verbs(AnyDemoCommand) | {"demo-import"}  # which comes as a file
    assert {*EDITS, "demo-undo", "demo-replay"} == asked
    assert {f"record-{verb}" for verb in COLUMNS[:6]} == verbs(AnyRecordCommand) == set(RECORDS)


def test_what_is_told_with_the_status_is_what_a_recording_does(tmp_path: Path) -> None:
    with station(recordings=tmp_path / "set") as running:
        received = Received(running)
        received.comes("idle")

        def why(verb: str) -> str | None:
            sentence: str | None = received.latest("status")["preconditions"][f"record-{verb}"]
            return sentence

        received.scene(seed=3)
        assert why("begin") is None and why("end") == SENTENCES["none"]
        received.send("record-end")
        assert received.refused() == why("end")
        received.begin()
        assert why("begin") == SENTENCES["open"] and why("mark") == SENTENCES["early"] and why("discard") is None
        received.send("record-begin", operator="", notes="")
        assert received.refused() == why("begin")
        received.send("record-mark")
        assert received.refused() == why("mark")
        received.send("record-discard")
        received.comes("idle")
        assert why("begin") is None
        assert set(received.latest("status")["preconditions"]) >= {*RECORDS, *EDITS, "demo-replay", "calibrate-save"}
