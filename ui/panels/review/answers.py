"""Questions about demonstrations, answered in the reader's process: what a page may see of the sets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from clap.errors import ClapError
from demos.errors import UnknownEpisodeError
from demos.store.episode import RecordedEpisode
from ui.panels.review.answer import Answer
from ui.panels.review.filmstrip import filmstrip
from ui.panels.review.library import Library, version_of
from ui.panels.review.listing import Json, Listings, detail

WEBP, BINARY = "image/webp", "application/octet-stream"

log = logging.getLogger(__name__)


class Answers:
    """Knows the sets; one question at a time."""

    def __init__(self, folders: Mapping[str, Path]):
        self._library = Library(folders)
        self._listings = Listings()
        self._known: dict[str, Callable[[Json], Answer]] = {
            "list": self._list,
            "episode": self._episode,
            "film": self._filmstrip,
            "frame": self._frame,
            "export": self._export,
            "stage": self._stage,
        }

    def to(self, question: Json) -> Answer:
        """The answer; it never raises."""
        try:
            return self._known[question["ask"]](question)
        except UnknownEpisodeError as error:
            return Answer.error(404, str(error))
        except IndexError as error:
            return Answer.error(404, f"There is no such frame: {error}.")
        except ClapError as error:
            return Answer.error(422, str(error))
        except Exception as error:
            log.exception("A question about demonstrations could not be answered")
            return Answer.error(500, f"This could not be read ({type(error).__name__}).")

    def _list(self, question: Json) -> Answer:
        names = [name for name in question["sets"] if name in self._library]
        return Answer.of({name: self._set(name) for name in names})

    def _set(self, name: str) -> Json:
        try:
            return self._listings.of(self._library.shelf(name))
        except ClapError as error:
            return {"episodes": [], "trash": [], "problems": [str(error)], "unfinished": 0}

    def _export(self, question: Json) -> Answer:
        """Its workplace is the server's, as is that of an upload."""
        from ui.panels.review.transfers import export

        store = self._library.shelf(question["set"]).store()
        path = export(store, question["episodes"], question["format"], Path(question["workplace"]))
        return Answer.of({"file": str(path)})

    def _stage(self, question: Json) -> Answer:
        from ui.panels.review.transfers import stage

        workplace = Path(question["workplace"])
        return Answer.of({"episodes": stage(workplace / "upload.zip", question["task"], workplace)})

    def _open(self, question: Json) -> RecordedEpisode:
        return self._library.shelf(question["set"]).episode(question["episode"])

    def _episode(self, question: Json) -> Answer:
        episode = self._open(question)
        return Answer.of(detail(episode), version_of(episode.record))

    def _filmstrip(self, question: Json) -> Answer:
        episode = self._open(question)
        return Answer(200, WEBP, filmstrip(episode), version_of(episode.record))

    def _frame(self, question: Json) -> Answer:
        """The pictures of an episode's frame never change: what is cut from it is another episode."""
        from ui.panels.review.views import scene_of  # brings Open3D, which the list does not wait for

        return Answer(200, BINARY, scene_of(self._open(question), question["frame"]), question["episode"])
