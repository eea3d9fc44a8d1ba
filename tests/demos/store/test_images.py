"""Images of a frame: whatever is in them, another program's reader finds the same pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from demos.errors import DamagedFileError
from demos.store.images import decode_depth, decode_rgb, encode_depth, encode_rgb

sides = st.integers(1, 9)


@given(st.tuples(sides, sides).flatmap(lambda side: arrays(np.uint8, (*side, 3))))
def test_colours_come_back_as_they_were(rgb: np.ndarray) -> None:
    png = encode_rgb(rgb)
    with Image.open(io.BytesIO(png)) as image:
        image.verify()  # compares the checksums too
    np.testing.assert_array_equal(decode_rgb(png, *rgb.shape[:2]), rgb)


@given(st.tuples(sides, sides).flatmap(lambda side: arrays(np.uint16, side)))
def test_depth_comes_back_to_the_millimetre(millimetres: np.ndarray) -> None:
    png = encode_depth(millimetres.astype(np.float32) / 1000)
    found = decode_depth(png, *millimetres.shape)
    np.testing.assert_array_equal(np.rint(found * 1000).astype(np.uint16), millimetres)


@pytest.mark.parametrize("distance", [np.nan, np.inf, -1.0, 65.6, 0.0])
def test_a_depth_that_is_none_is_stored_as_invalid(distance: float) -> None:
    depth = np.full((3, 2), distance, np.float32)
    assert not decode_depth(encode_depth(depth), 3, 2).any()


def test_an_image_of_another_size_is_not_unfolded() -> None:
    with pytest.raises(DamagedFileError, match="2 x 3 RGB, not 4 x 4"):
        decode_rgb(encode_rgb(np.zeros((3, 2, 3), np.uint8)), 4, 4)
