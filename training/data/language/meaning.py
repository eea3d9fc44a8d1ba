"""What a request means on a given table: the sub-tasks behind it, or the reason why it is refused.

The one place where labels come from: a request is drawn first, worded afterwards, and its answer follows from the
request and the table alone. Reasons are in lower case, as the planner writes them after "refuse :".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clap.worlds.tabletop import phrasing
from clap.worlds.tabletop.objects import SHAPE_COLORS

Steps = tuple[str, ...]

NO_SUCH_OBJECT = "there is no such thing here"
NOT_POSSIBLE = "that is not something the robot can do"
NOT_PICKABLE = "that cannot be picked up"
NOT_A_PLACE = "nothing can be put there"
WHAT_IS_UNSAID = "it is not said what to move"
WHERE_IS_UNSAID = "it is not said where to put it"
NEGATED = "the request says not to do it"
NOT_A_TASK = "that is not a task for the robot"
TABLE_UNKNOWN = "it is not known what is on the table"
FIXED_REASONS = (
    *(NO_SUCH_OBJECT, NOT_POSSIBLE, NOT_PICKABLE, NOT_A_PLACE, WHAT_IS_UNSAID, WHERE_IS_UNSAID),
    *(NEGATED, NOT_A_TASK, TABLE_UNKNOWN),
)
"""Reasons that name no thing."""

PLURALS = {"block": "blocks", "cup": "cups", "shape": "shapes", "ball": "balls", "plate": "plates", "bottle": "bottles"}
LOOSE = ("block", *phrasing.SHAPES, "shape", "ball", "bottle", "thing", "matching block")
"""Kinds that can be picked up."""
PLACES = ("cup", "matching cup", "sorter", "drawer")


@dataclass(frozen=True)
class Ref:
    """A thing as it is spoken of: its ``kind``, the basic ``color`` if one is said, one of them or ``every`` one.

    ``state`` is "open" or "closed" if that is said of a drawer.
    """

    kind: str
    color: str = ""
    every: bool = False
    state: str = ""


@dataclass(frozen=True)
class Request:
    """Bring ``thing`` into ``place``; no thing: open the drawer."""

    thing: Ref | None = None
    place: Ref = Ref("drawer")


class Refused(Exception):
    """Why a request cannot be carried out."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def subtasks_of(requests: Sequence[Request], detected_objects: Sequence[str] | None) -> tuple[Steps, ...]:
    """The sub-tasks of requests in the order in which they are carried out, each once.

    ``detected_objects`` None: nobody has looked. Raises Refused with the reason of the first request that cannot be
    done.
    """
    subtasks: dict[Steps, None] = {}
    for request in requests:
        if request.thing is None:
            if detected_objects is not None and not _drawer(detected_objects):
                raise Refused("there is no drawer")
            subtasks[phrasing.OPEN_DRAWER_STEPS] = None
            continue
        for steps in _moves(request.thing, request.place, detected_objects):
            subtasks[steps] = None
    return tuple(subtasks)


def _moves(thing: Ref, place: Ref, detected_objects: Sequence[str] | None) -> list[Steps]:
    if thing.kind not in LOOSE:
        raise Refused(NOT_PICKABLE)
    if place.kind not in PLACES:
        raise Refused(NOT_A_PLACE)
    if thing.kind == "matching block":
        thing = Ref("block", names_of(place, detected_objects)[0].split()[0])
    things = names_of(thing, detected_objects)
    if place.kind == "matching cup":
        places = [names_of(Ref("cup", name.split()[0]), detected_objects)[0] for name in things]
        return [phrasing.pick_and_place_steps(*pair) for pair in zip(things, places, strict=True)]
    target = names_of(place, detected_objects)[0]
    opening = []
    if (
        place.kind == "drawer"
        and (place.state or (_drawer(detected_objects or ()) or "open").split()[0]) == phrasing.CLOSED_STATE
    ):
        opening = [phrasing.OPEN_DRAWER_STEPS]
    return opening + [phrasing.pick_and_place_steps(name, target) for name in things]


def _drawer(detected_objects: Sequence[str]) -> str:
    return next((name for name in detected_objects if name.endswith(phrasing.DRAWER)), "")


def names_of(ref: Ref, detected_objects: Sequence[str] | None) -> list[str]:
    """The names that ``ref`` stands for, in the order of ``detected_objects``. Raises Refused if some are missing."""
    if ref.kind in ("drawer", "sorter"):
        name = phrasing.DRAWER if ref.kind == "drawer" else phrasing.SORTER
        if detected_objects is not None and name not in (
            _drawer(detected_objects) and phrasing.DRAWER,
            *detected_objects,
        ):
            raise Refused(f"there is no {name}")
        return [name]
    if ref.kind in phrasing.SHAPES:
        if ref.color and ref.color != SHAPE_COLORS[ref.kind]:
            raise Refused(f"there is no {ref.color} {ref.kind}")
        if detected_objects is not None and ref.kind not in detected_objects:
            raise Refused(f"there is no {ref.kind}")
        return [ref.kind]
    if ref.color:
        name = f"{ref.color} {ref.kind}"
        if name not in (phrasing.CATALOGUE if detected_objects is None else detected_objects):
            raise Refused(f"there is no {name}")
        return [name]
    if detected_objects is None:
        raise Refused(TABLE_UNKNOWN)
    found = [name for name in detected_objects if _is_a(name, ref.kind)]
    if not found:
        raise Refused(NO_SUCH_OBJECT if ref.kind == "thing" else f"there is no {ref.kind}")
    if len(found) > 1 and not ref.every:
        raise Refused(f"several {PLURALS[ref.kind]} match")
    return found


def _is_a(name: str, kind: str) -> bool:
    if kind == "shape":
        return name in phrasing.SHAPES
    if kind == "thing":
        return name in phrasing.SHAPES or name.endswith((" block", " ball", " bottle"))
    return name.endswith(f" {kind}")
