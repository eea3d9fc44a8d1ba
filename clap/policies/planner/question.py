"""What a planner's model is asked, wherever it runs."""

from __future__ import annotations

from dataclasses import dataclass

from clap.geometry.views import CanonicalViews
from clap.policies.base import OnText


@dataclass(frozen=True)
class Question:
    """A ``text``, which follows the ``views`` if there are any.

    The answer is to match the regular expression ``grammar``, if there is one; ``on_text`` receives it as it is
    written. ``max_new_tokens`` None leaves its length limit to the planner.
    """

    text: str
    grammar: str | None = None
    views: CanonicalViews | None = None
    on_text: OnText | None = None
    max_new_tokens: int | None = None
