"""A typed instruction as the planner is shown it; words that the planner does not know are named, never guessed."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from clap.errors import InvalidInstructionError
from clap.policies.planner.text_format import normalise

MAX_INSTRUCTION_LENGTH = 400
MAX_NEAR = 3
"""Known words that are offered for an unknown one."""


def read_instruction(instruction: str, known_words: Collection[str], misspelt: Collection[str] = ()) -> str:
    """The instruction in the planner's words; no ``known_words`` means that any word can be read.

    A plural whose singular is known is read as that. Raises InvalidInstructionError if the instruction is empty or
    too long, or has unknown words: the sentence names each with the known words nearest to it, other than those that
    the planner knows as ``misspelt``.
    """
    if len(instruction) > MAX_INSTRUCTION_LENGTH:
        raise InvalidInstructionError(
            f"The instruction has {len(instruction):,} characters; at most {MAX_INSTRUCTION_LENGTH} are read."
        )
    words = normalise(instruction).split()
    if not words:
        raise InvalidInstructionError("The instruction is empty.")
    if not known_words:
        return " ".join(words)
    read = [_known_form(word, known_words) for word in words]
    unknown = [word for word, form in zip(words, read, strict=True) if form is None]
    if unknown:
        named = set(known_words) - set(misspelt)
        raise _unknown(dict.fromkeys(unknown), named, all_of_them=len(unknown) == len(words))
    return " ".join(form for form in read if form)


def _known_form(word: str, known_words: Collection[str]) -> str | None:
    """The word, or its singular, if it is known."""
    forms = [word]
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("s"):
        forms.append(word[:-1])
    return next((form for form in forms if form in known_words), None)


def _unknown(words: Collection[str], known_words: Collection[str], all_of_them: bool) -> InvalidInstructionError:
    candidates = sorted(word for word in known_words if word.isalpha())
    near = {word: difflib.get_close_matches(word, candidates, n=MAX_NEAR, cutoff=0.6) for word in words}
    if all_of_them and not any(near.values()):
        return InvalidInstructionError(
            "I know none of these words. I read plain English about blocks, shapes, cups and the drawer."
        )
    named = [f'"{word}"' + (f" (did you mean {_either(near[word])}?)" if near[word] else "") for word in words]
    return InvalidInstructionError(
        f"I do not know the word{'s' if len(named) > 1 else ''} {', '.join(named)}.",
        "Write it in other words, or start from one of the examples.",
    )


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
