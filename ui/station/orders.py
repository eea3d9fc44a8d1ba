"""What the server tells a station's process, down the pipe between them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from ui.protocol.commands import DemoCommand, StationCommand
from ui.protocol.shared import Message


class UseCheckpoint(Message):
    """Offer the checkpoint in a folder under its name, and let it act."""

    type: Literal["checkpoint"] = "checkpoint"
    name: str
    folder: str


class DemoImport(DemoCommand):
    """Take in what the server has unpacked, read and staged in a folder for this alone."""

    type: Literal["demo-import"] = "demo-import"
    folder: str


AnyCommand = StationCommand | UseCheckpoint | DemoImport


class PageCommand(Message):
    """A command in the name of the page with this number, which is told what becomes of it."""

    order: Literal["command"] = "command"
    page: int
    command: Annotated[AnyCommand, Field(discriminator="type")]


class HaltOrder(Message):
    """Stop was pressed; this is its number."""

    order: Literal["stop"] = "stop"
    number: int


class CloseOrder(Message):
    """End in order."""

    order: Literal["close"] = "close"


Order = PageCommand | HaltOrder | CloseOrder
_ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="order")])


def read_order(data: bytes) -> Order:
    """The order in a packet of the pipe."""
    return _ORDER.validate_json(data)
