"""Writes ``data/language/colors.json``: every colour name of the XKCD survey and of CSS -> one of 12 basic colours.

    python -m training.data.language.build_colors

Colour names are numbers: the nearest of several prototypes of each basic colour in CIELAB gives a name's basic
colour. Names that lie almost as near to a second one, that mix two ("blue green"), that contradict their own last
word, or that one would rather not read are left out. Needs matplotlib, which ships both tables.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from matplotlib.colors import CSS4_COLORS, XKCD_COLORS, to_rgb
from numpy.typing import NDArray

TARGET = Path(__file__).with_name("colors.json")
SOURCE = (
    "Names and values: XKCD colour survey (CC0) and CSS Color Module Level 4 (W3C), as shipped with matplotlib; "
    "basic colours assigned by training/data/language/build_colors.py."
)
PROTOTYPES = {
    "red": ("#e50000", "#b00020", "#8c000f", "#fe2c2c"),
    "green": ("#15b01a", "#006400", "#90ee90", "#7bb661", "#00d060", "#8fbc3f", "#556b2f"),
    "blue": ("#0343df", "#00008b", "#4169e1", "#75a9f0", "#3b6ea5", "#1e90ff"),
    "yellow": ("#ffff14", "#ffe000", "#f5e663", "#d8b800"),
    "orange": ("#f97306", "#ff8c00", "#ffa64d", "#d2601a"),
    "purple": ("#7e1e9c", "#4b0082", "#a05fd0", "#c79fef", "#6a3d8a"),
    "pink": ("#ff81c0", "#ff1493", "#ffc0cb", "#f4a0b5", "#e0559a"),
    "brown": ("#653700", "#8b4513", "#a0703c", "#4a2c12"),
    "black": ("#000000", "#141414"),
    "white": ("#ffffff", "#f6f6f2", "#fbf7ea"),
    "gray": ("#808080", "#b0b0b0", "#505050", "#8a8f94"),
    "cyan": ("#00ffff", "#40e0d0", "#008b8b", "#a0f0f0", "#20b2aa"),
}
NEARLY = 1.12
"""A name is ambiguous when the second nearest basic colour is less than this many times as far."""
UNREAD = re.compile(r"poo|puke|snot|shit|piss|pee\b|vomit|diarrhea|bile|booger|barf|sick|nude|flesh|skin|indian|phlegm")
NOUNS = re.compile(r"\b(brick|block|cup|bottle|plate|ball|box|drawer|glass)\b")
ROOTS = {
    **{f"{name}{ending}": name for name in PROTOTYPES for ending in ("", "ish", "y")},
    "reddish": "red",
    "bluish": "blue",
    "bluey": "blue",
    "blueish": "blue",
    "purply": "purple",
    "purpley": "purple",
    "orangish": "orange",
    "orangeish": "orange",
    "orangey": "orange",
    "brownish": "brown",
    "purplish": "purple",
    "grey": "gray",
    "greyish": "gray",
    "grayish": "gray",
    "violet": "purple",
    "magenta": "pink",
    "aqua": "cyan",
    "teal": "cyan",
    "turquoise": "cyan",
    "lavender": "purple",
}

BY_HAND = {
    "red": "burgundy cardinal vermilion tomato garnet",
    "green": "jade olive malachite pistachio sage grassy",
    "blue": "azure sapphire lapis",
    "yellow": "sunny lemony saffron",
    "orange": "carrot clementine apricot",
    "purple": "lavender amethyst eggplant violet",
    "pink": "fuchsia salmon flamingo rosy",
    "brown": "chocolate tan walnut bronze caramel",
    "black": "jet ebony onyx obsidian inky",
    "white": "milky pearl alabaster",
    "gray": "ash ashen graphite lead",
    "cyan": "teal",
}
"""Names for which the survey's average is not what people mean (chocolate), or which it lacks."""
SKIPPED = (
    *("dark", "pale", "midnight", "royal", "dust", "dirt", "indigo", "beige", "puce", "bruise"),
    *("coral", "bland", "drab", "barney", "pinky"),
)
JOINED = re.compile(r"(?<=[a-z])(red|green|blue|gr[ae]y|violet)\b|\b(green|blue|gr[ae]y|yellow)(?=[a-z]{3})")


def lab(rgb: NDArray[np.floating]) -> NDArray[np.floating]:
    """sRGB (n, 3) in 0..1 -> CIELAB (D65)."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def basic_color(name: str, value: str) -> str | None:
    """The basic colour of a name with its ``#rrggbb`` value; None if it has none beyond doubt."""
    if UNREAD.search(name) or NOUNS.search(name) or not re.fullmatch(r"[a-z ]+", name):
        return None
    if name in SKIPPED or any(JOINED.search(word) for word in name.split() if word not in ROOTS):
        return None
    named = [ROOTS[word] for word in name.split() if word in ROOTS]
    if len(set(named)) > 1:
        return None
    point = lab(np.array([to_rgb(value)]))
    distances = {
        basic: float(np.linalg.norm(lab(np.array([to_rgb(p) for p in prototypes])) - point, axis=1).min())
        for basic, prototypes in PROTOTYPES.items()
    }
    first, second = sorted(distances, key=lambda basic: distances[basic])[:2]
    if named:
        return named[0] if named[0] in (first, second) else None
    return first if distances[second] >= NEARLY * distances[first] else None


def spaced(name: str) -> str:
    """CSS writes its names as one word: "lightskyblue" -> "light sky blue"."""
    parts = "dark|light|medium|deep|pale|dim|hot|sea|sky|spring|forest|lawn|slate|steel|royal|midnight|rosy|sandy"
    parts += "|saddle|dodger|cornflower|cadet|powder|floral|ghost|antique|navajo|lemon|papaya|peach|olive|golden"
    split = re.sub(rf"({parts})(?=[a-z]{{3,}})", r"\1 ", name)
    return re.sub(r"(?<=[a-z])(?<! )(blue|green|red|yellow|white|smoke|orchid|rose|rod)$", r" \1", split).strip()


def main() -> None:
    """Write the table."""
    names = {name.removeprefix("xkcd:").replace("'s", ""): value for name, value in XKCD_COLORS.items()}
    names |= {spaced(name): value for name, value in CSS4_COLORS.items()}
    names |= {name.replace("grey", "gray"): value for name, value in list(names.items())}
    names |= {name.replace("gray", "grey"): value for name, value in list(names.items())}
    table: dict[str, list[str]] = {basic: [] for basic in PROTOTYPES}
    for name, value in sorted(names.items()):
        basic = basic_color(name, str(value))
        if basic and name != basic and not any(name in words.split() for words in BY_HAND.values()):
            table[basic].append(name)
    for basic, words in BY_HAND.items():
        table[basic] = sorted([*table[basic], *words.split()])
    TARGET.write_text(json.dumps({"source": SOURCE, "names": table}, indent=1) + "\n", "utf-8")
    print(f"{sum(map(len, table.values()))} names in {TARGET.name}")


if __name__ == "__main__":
    main()
