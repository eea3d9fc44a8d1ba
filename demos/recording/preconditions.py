"""What a recorder accepts now, and why not what it refuses: the one table that it and the pages go by."""

from __future__ import annotations

from demos.errors import DemonstrationError

Objections = dict[str, "DemonstrationError | None"]
"""By verb: why not now; None if it is accepted."""


def objections(frames: int | None, markable: int, instruction: str) -> Objections:
    """The table, for an open take of so many ``frames``, None without one, ``markable`` of them recorded just now."""
    is_open = no_take = no_instruction = no_frame = empty = None
    if frames is not None:
        is_open = DemonstrationError("A take is in progress.", "Commit or discard it first.")
    else:
        no_take = DemonstrationError("No take is being recorded.", "Begin one.")
    if not instruction.strip():
        no_instruction = DemonstrationError(
            "A take needs an instruction.", "Set up a scene, or say what is to be done."
        )
    if not markable:
        no_frame = DemonstrationError("There is no frame yet that could be marked.", "Move the arm first.")
    if not frames:
        empty = DemonstrationError("The take has no frame yet.", "Record something, or discard it.")
    return {
        "begin": no_instruction or is_open,
        "resume": is_open,
        "mark": no_take or no_frame,
        "end": no_take,
        "commit": no_take or empty,
        "discard": no_take,
    }
