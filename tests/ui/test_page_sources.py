"""The page's scripts, beyond what their formatter sees to: it leaves long texts and comments as they are."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parents[2] / "ui" / "static"
WIDTH = 120


def test_no_line_of_the_pages_scripts_is_wider_than_a_screen() -> None:
    scripts = [path for path in STATIC.rglob("*.[jt]s") if path.parent.name != "three"]
    assert len(scripts) > 60
    wide = [
        f"{path.relative_to(STATIC)}:{number}"
        for path in scripts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if len(line) > WIDTH
    ]
    assert wide == []
