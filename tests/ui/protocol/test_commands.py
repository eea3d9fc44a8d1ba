"""What a page sends is taken as one of the commands, or refused with a sentence that says which field is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ui.protocol import BadCommandError, check, commands, forms, read

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), JSON)
def test_stop_is_never_refused_whatever_else_the_message_holds(others: dict[str, Any], number: Any) -> None:
    assert isinstance(check({**others, "id": number, "type": "stop"}), commands.Stop)


@given(st.sampled_from(sorted(forms())), st.dictionaries(st.text(), JSON, max_size=6))
def test_anything_is_a_command_or_refused_with_a_sentence(verb: str, fields: dict[str, Any]) -> None:
    try:
        found = check({**fields, "type": verb})
    except BadCommandError as error:
        assert str(error).endswith(".")
        assert "pydantic" not in str(error)
    else:
        assert found.type == verb


@given(st.text(max_size=200))
def test_a_text_that_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(BadCommandError):
        read(text)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "fly"}, "There is no command 'fly'."),
        ({"type": "plan"}, "The command 'plan' needs the field 'instruction': a text."),
        ({"type": "speed"}, "The command 'speed' needs the field 'value': a number from 0 to 16."),
        ({"type": "plan", "instruction": 7}, "The command needs a text 'instruction'."),
        ({"type": "home", "fast": 1}, "The command 'home' has no field 'fast'; its fields: none."),
        ({"type": "drive", "on": 1}, "The on must be true or false."),
        ({"type": "drive", "on": True, "of": 1}, "The command 'drive' has no field 'of'; its fields: on."),
        ({"type": "keypoint", "position": [0, 0, "0"]}, "The position must be a list of 3 numbers from -10 to 10."),
        ({"type": "edit-plan", "steps": [7]}, "The steps must be a list of at most 30 texts of at most 300 characters"),
    ],
)
def test_the_sentence_names_the_field_and_what_was_expected(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadCommandError) as refused:
        check(fields)
    assert str(refused.value).startswith(sentence)


def test_nothing_is_converted_but_whole_numbers_where_any_will_do() -> None:
    assert check({"type": "speed", "value": 2}) == commands.Speed(value=2.0)
    for value in ("2", True, None, [2]):
        with pytest.raises(BadCommandError):
            check({"type": "speed", "value": value})


def test_a_command_comes_back_from_its_own_text() -> None:
    jog = commands.Jog(seq=3, linear=(0.5, 0.0, -1.0), angular=(0.0, 0.0, 0.0), slow=True)
    assert read(jog.to_json()) == jog
    assert json.loads(jog.to_json())["gripper"] is None


def test_a_command_cannot_be_changed_on_its_way() -> None:
    speed = commands.Speed(value=1.0)
    with pytest.raises(ValidationError, match="frozen"):
        speed.value = 2.0  # type: ignore[misc]
