"""Zip files of demonstrations: made of what is exported, and opened with suspicion for what is imported."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

from demos.errors import DamagedFileError, explained

MOST_FILES = 20_000
MOST_UNFOLDED = 8 << 30
"""Bytes that all files of an archive may take on the disk."""

MOST_RATIO = 200
"""How far a file may unfold beyond 1 MB: pictures do not shrink, and tables do by a tenth of this."""

PIECE = 1 << 20
LONGEST_NAME = 240


def pack_folder(folder: Path, target: Path) -> None:
    """All files of a folder as a zip file. Pictures are packed already, so nothing is compressed again."""
    with explained(target, "packing the export"), zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder.parent).as_posix())


def unpack(source: Path, folder: Path) -> None:
    """Unpack a zip file into ``folder``, which is empty.

    Raises DamagedFileError, before the file that it is about is written, for names that lead out of the folder, links,
    encrypted or too many files, and files that unfold to more than they may; what was written until then stays.
    """
    with explained(folder, "unpacking the file"):
        try:
            with zipfile.ZipFile(source) as archive:
                _unpack(archive, folder)
        except (zipfile.BadZipFile, RuntimeError, EOFError, ValueError) as error:
            raise DamagedFileError("The file is no zip file, or it is damaged.", "Choose another file.") from error


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) > MOST_FILES:
        raise DamagedFileError(f"The archive holds {len(files):,} files; at most {MOST_FILES:,} are unpacked.")
    if sum(info.file_size for info in files) > MOST_UNFOLDED:
        raise DamagedFileError(f"The archive would unfold to more than {MOST_UNFOLDED >> 30} GB.")
    seen: set[str] = set()
    for info in files:
        name = safe_name(info)
        if name.as_posix().casefold() in seen:
            raise DamagedFileError(f"The archive names {name.as_posix()[:80]!r} twice.")
        seen.add(name.as_posix().casefold())
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(archive, info, target)


def safe_name(info: zipfile.ZipInfo) -> PurePosixPath:
    """The path of a file in an archive. Raises DamagedFileError unless it is a plain file within it."""
    path, mode = PurePosixPath(info.filename), info.external_attr >> 16
    outward = path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0].endswith(":")
    if outward or "\\" in info.filename or "\0" in info.filename or len(info.filename) > LONGEST_NAME:
        raise DamagedFileError(f"The archive holds {info.filename[:80]!r}, which leads out of its folder.")
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise DamagedFileError(f"{info.filename[:80]!r} in the archive is a link, or no plain file.")
    if info.flag_bits & 1:
        raise DamagedFileError("The archive is encrypted.", "Pack it without a password.")
    if info.file_size > PIECE and info.file_size > MOST_RATIO * max(1, info.compress_size):
        raise DamagedFileError(f"{info.filename[:80]!r} in the archive would unfold to far more than it can hold.")
    return path


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """What a file claims to hold is what is written at most."""
    left = info.file_size
    with archive.open(info) as packed, target.open("wb") as file:
        while piece := packed.read(PIECE):
            left -= len(piece)
            if left < 0:
                raise DamagedFileError(f"{info.filename[:80]!r} in the archive holds more than it says.")
            file.write(piece)
