"""Statistics of an episode's columns, in LeRobot's form: what its trainers normalise with.

Vectors are reduced over time to (D,), matrices to their last axis, images to (C, 1, 1): colour scaled to [0, 1], depth
in millimetres as it is stored. Images are looked at in a few frames and every fourth pixel: a commit decodes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stats = dict[str, dict[str, Any]]
"""By feature: min, max, mean, std, count and the quantiles, as nested lists."""

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
IMAGE_SAMPLES = 6
PIXEL_STRIDE = 4


def sampled(length: int) -> list[int]:
    """The frames whose images are looked at: evenly spread, the first and the last among them."""
    return sorted({round(k) for k in np.linspace(0, length - 1, min(length, IMAGE_SAMPLES))})


def of_numbers(values: NDArray[Any]) -> dict[str, Any]:
    """Statistics of a column (N,), (N, D) or (N, R, D): (1,), (D,) and (D,)."""
    flat = np.asarray(values, float).reshape(len(values), -1, values.shape[-1] if values.ndim > 1 else 1)
    return _reduced(flat.reshape(-1, flat.shape[-1]), len(values))


def of_range(first: float, step: float, length: int) -> dict[str, Any]:
    """Statistics of the numbers first, first + step, ... without making them."""
    last = first + step * (length - 1)
    spread = {name: [first + q * (last - first)] for name, q in QUANTILES.items()}
    std = step * ((length**2 - 1) / 12) ** 0.5
    found = {"min": [first], "max": [last], "mean": [(first + last) / 2], "std": [std], **spread}
    return {name: [float(value[0])] for name, value in found.items()} | {"count": [length]}


def of_images(images: Sequence[NDArray[Any]], scale: float) -> dict[str, Any]:
    """Statistics of images (H, W, C) or (H, W), divided by ``scale``: (C, 1, 1)."""
    pixels = [
        image[::PIXEL_STRIDE, ::PIXEL_STRIDE].reshape(-1, image.shape[2] if image.ndim > 2 else 1) for image in images
    ]
    found = _reduced(np.concatenate(pixels).astype(np.float32) / scale, len(images))
    return {name: value if name == "count" else [[[x]] for x in value] for name, value in found.items()}


def combined(parts: Iterable[Stats]) -> Stats:
    """Statistics of several episodes together; quantiles are averaged, as LeRobot does it."""
    parts = [part for part in parts if part]
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _combined([part[name] for part in parts if name in part]) for name in names}


def _reduced(values: NDArray[Any], count: int) -> dict[str, Any]:
    found = {
        "min": values.min(0),
        "max": values.max(0),
        "mean": values.mean(0, dtype=float),
        "std": values.std(0, dtype=float),
        **dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values()), axis=0), strict=True)),
    }
    return {name: np.asarray(value, float).tolist() for name, value in found.items()} | {"count": [count]}


def _combined(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    arrays = {name: np.array([part[name] for part in parts], float) for name in parts[0]}
    counts = arrays["count"].reshape(-1, *[1] * (arrays["mean"].ndim - 1))
    total = counts.sum()
    mean = (arrays["mean"] * counts).sum(0) / total
    variance = ((arrays["std"] ** 2 + (arrays["mean"] - mean) ** 2) * counts).sum(0) / total
    found = {name: (arrays[name] * counts).sum(0) / total for name in QUANTILES}
    found |= {"min": arrays["min"].min(0), "max": arrays["max"].max(0), "mean": mean, "std": np.sqrt(variance)}
    return {name: value.tolist() for name, value in found.items()} | {"count": [int(total)]}
