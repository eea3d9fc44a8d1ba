"""Why an episode is not learned from."""

from __future__ import annotations

from clap.errors import ClapError


class LeftOutError(ClapError):
    """A demonstration cannot be learned from; the sentence says why."""

    name = "demonstration left out"
    default_next_move = "Correct it in the review, or choose other episodes."
