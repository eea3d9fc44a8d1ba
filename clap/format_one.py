"""Bridge to checkpoints of language format 1, whose planner names nothing before it plans and gives no reasons.

Goes, with every mention of ``format_one``, once the shipped checkpoint is of the present format.
"""

from __future__ import annotations

from clap.language import normalise, parse_plan
from clap.prediction import Plan, PlanStatus

VERSION = 1
VIEWS = (0, 1, 2)
"""Order of the views in a point's text, as indices of ``geometry.VIEWS``."""

UNCLEAR = "unclear"
PLAN_GRAMMAR = r"(?:steps : the robot(?: [a-z]+){1,16}(?: ; the robot(?: [a-z]+){1,16}){0,7}|complete|unclear) ?"


def plan_prompt(instruction: str, last_step: str) -> str:
    """Round one's question."""
    return f"task : {normalise(instruction)} last : {normalise(last_step)}"


def read_plan(text: str) -> Plan:
    """Round one's answer."""
    if text.strip() == UNCLEAR:
        return Plan(PlanStatus.REFUSED, raw=text, reason="no plan was found for the instruction")
    return parse_plan(text)
