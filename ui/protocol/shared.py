"""What commands and messages have in common: the form of every message, and poses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Message(BaseModel):
    """One JSON object of the live link. Unknown fields and numbers that are not finite raise ``ValidationError``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_json(self) -> str:
        """One line of JSON without spaces."""
        return self.model_dump_json()


@dataclass(frozen=True)
class Expected:
    """Annotates a field of a command: whatever is wrong with its value, the page is told that it must be ``what``."""

    what: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.custom_error_schema(
            handler(source), "expected", custom_error_message="{what}", custom_error_context={"what": self.what}
        )


def _number_or_none(value: Any) -> Any:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if plain and abs(value) <= 2**53 else None


def _written(text: Any) -> Any:
    """File names that are no text (as Python has them, with lone surrogates) come with question marks."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


Echo = Annotated[int | float | None, BeforeValidator(_number_or_none)]
"""A number that a page sends to know its answer by; nothing else is sent back, and nothing is wrong with it."""

Text = Annotated[str, BeforeValidator(_written)]
"""A text that the console sends: any string of Python's."""

Pixel = tuple[float, float]
"""(u, v) in a view."""

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
"""(x, y, z, w)."""


class Pose(Message):
    """Of the tool: world metres, and a rotation (x, y, z, w)."""

    position: Vector
    quaternion: Quaternion


class GripperPose(Message):
    """The tool's pose and the gripper's ``opening``, from 0 (closed) to 1."""

    position: Vector
    quaternion: Quaternion
    opening: float


class Box(Message):
    """A box along the world's axes, metres."""

    low: Vector
    high: Vector


Level = Literal["info", "good", "warn", "bad"]
"""How serious a line of the log is."""

DemonstrationSet = Literal["recordings", "sample"]
Gripper = Literal["open", "close"]
