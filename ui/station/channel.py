"""Frames on the pipe between the server and a station: a kind, the page it is for, and the payload as it goes on.

What a station sends for all pages is encoded there, once; the server passes the bytes on unread.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ui.protocol.messages import ConsoleMessage

EVERY_PAGE = 0
_HEAD = struct.Struct("<BI")

STATES = ("starting", "hello", "policies", "status", "recording", "review", "calibration")
NEWEST = (*STATES, "pose", "scene", "fine", "board")
"""Kinds of which only the newest matters, in the order in which a page that joins gets them."""

BINARY = frozenset({"scene", "fine", "board"})
KINDS = (
    *NEWEST,
    "log",
    "refused",
    "jog-ack",
    "halted",
    "up",
    "cannot-start",
    "world-lost",
    "review-done",
    "motion-preview",
)


@dataclass(frozen=True)
class Frame:
    """``page`` is the number of the page it is for, 0 for all. ``payload`` is JSON text, or binary (see BINARY)."""

    kind: str
    payload: bytes = b""
    page: int = EVERY_PAGE

    def pack(self) -> bytes:
        """The frame as the pipe carries it."""
        return _HEAD.pack(KINDS.index(self.kind), self.page) + self.payload

    @staticmethod
    def unpack(data: bytes) -> Frame:
        """The frame that ``pack`` made."""
        kind, page = _HEAD.unpack_from(data)
        return Frame(KINDS[kind], data[_HEAD.size :], page)


def frame(message: ConsoleMessage, page: int = EVERY_PAGE) -> Frame:
    """A message as a frame; its type is the frame's kind."""
    return Frame(message.type, message.to_json().encode(), page)
