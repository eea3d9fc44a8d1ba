"""Steps that the operator writes: free text, as the policy is shown it; what it cannot read is named."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from clap.errors import InvalidInstructionError
from clap.policies.planner.instruction_words import read_instruction
from clap.policies.planner.text_format import MAX_STEP_WORDS, MAX_STEPS, STEP_GRAMMAR, normalise

SUBJECT = "the robot"


def read_steps(steps: Sequence[str], known_words: Collection[str]) -> tuple[str, ...]:
    """The operator's steps to come as the policy is shown them; no ``known_words`` means that any word can be read.

    Raises InvalidInstructionError with a sentence that says which step cannot be read, and why.
    """
    if not 0 < len(steps) <= MAX_STEPS:
        raise InvalidInstructionError(f"A plan needs 1 to {MAX_STEPS} steps to come, not {len(steps)}.", SKIP_INSTEAD)
    return tuple(read_step(text, known_words, f"Step {count}") for count, text in enumerate(steps, 1))


SKIP_INSTEAD = "Skip steps that are not wanted, or plan again."


def read_step(text: str, known_words: Collection[str], name: str = "The step") -> str:
    """One step: "the robot" is put in front where it is missing, the rest has to be words that are known."""
    words = normalise(text[:1000]).split()
    if words[:2] != SUBJECT.split():
        words = [*SUBJECT.split(), *words[words[:1] == ["robot"] :]]
    count = len(words) - 2
    if not 0 < count <= MAX_STEP_WORDS:
        said = "is empty" if count == 0 else f"has {count} words"
        raise InvalidInstructionError(f"{name} {said}; 1 to {MAX_STEP_WORDS} after “{SUBJECT}” are read.")
    step = " ".join(words)
    if not re.fullmatch(STEP_GRAMMAR, step):
        odd = next(word for word in words if not re.fullmatch("[a-z]+", word))
        raise InvalidInstructionError(f"{name} has “{odd}”: a step is written in plain English words, without numbers.")
    try:
        return read_instruction(step, known_words)
    except InvalidInstructionError as error:
        raise InvalidInstructionError(f"{name}: {error.sentence}", error.next_move) from error
