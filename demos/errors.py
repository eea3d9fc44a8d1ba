"""Named failures of the demonstrations: what happened to the files, and what the operator does next."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from clap.errors import ClapError


class DemonstrationError(ClapError):
    """A demonstration or its folder cannot be used as asked."""

    name = "demonstrations"
    default_next_move = "Nothing was changed."


class DiskFullError(DemonstrationError):
    """There is not enough room on the disk."""

    name = "disk full"
    default_next_move = "Free some space, for instance by emptying the trash, and try again; nothing was lost."


class ReadOnlyError(DemonstrationError):
    """The folder cannot be written."""

    name = "folder not writable"
    default_next_move = "Choose a folder that you may write, or open this one for viewing only; nothing was lost."


class InUseError(DemonstrationError):
    """Another process has the demonstration set open for writing."""

    name = "demonstrations in use"
    default_next_move = "Close it there, or open it here for viewing only."


class SetMismatchError(DemonstrationError):
    """A take does not fit the set: other cameras, image sizes, joints or rate."""

    name = "take does not fit the set"
    default_next_move = "Record it into a new folder."


class DamagedFileError(DemonstrationError):
    """A file is not what it claims to be, or only part of it."""

    name = "damaged file"
    default_next_move = "Restore it from a copy, or leave it out."


class UnknownEpisodeError(DemonstrationError):
    """No episode, take or trash entry has this id."""

    name = "unknown episode"
    default_next_move = "Choose one from the list."


@contextmanager
def explained(folder: os.PathLike[str] | str, doing: str) -> Iterator[None]:
    """Turn the operating system's errors inside the block into sentences; ``doing`` completes "... while <doing>"."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFullError(f"The disk that holds {folder} became full while {doing}.") from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise ReadOnlyError(f"The folder {folder} cannot be written; this happened while {doing}.") from error
        raise DemonstrationError(f"{error.strerror or error} ({folder}), while {doing}.") from error
