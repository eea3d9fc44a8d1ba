"""Which image tokens hold a point, and in what shares."""

from __future__ import annotations

import pytest
import torch

from training.planner.image_cells import cell_shares

SIDE = 8  # cells of 28 px


def shares_of(u: int, v: int) -> dict[int, float]:
    cells, shares = cell_shares(torch.tensor([[u, v]]), SIDE)
    found: dict[int, float] = {}
    for cell, share in zip(cells[0].tolist(), shares[0].tolist(), strict=True):
        if share:
            found[cell] = found.get(cell, 0) + share
    return found


def test_a_point_in_the_middle_of_a_cell_is_its_own() -> None:
    assert shares_of(28 * 3 + 14, 28 * 2 + 14) == {2 * SIDE + 3: 1.0}


def test_a_point_beside_a_border_is_shared_with_the_cell_beyond() -> None:
    found = shares_of(28 * 3, 28 * 2 + 14)
    assert set(found) == {2 * SIDE + 3, 2 * SIDE + 2}
    assert 0.4 < found[2 * SIDE + 2] < 0.5 < found[2 * SIDE + 3]


def test_a_point_in_a_corner_has_four_cells() -> None:
    found = shares_of(28 * 3 + 27, 28 * 2 + 27)
    assert set(found) == {2 * SIDE + 3, 2 * SIDE + 4, 3 * SIDE + 3, 3 * SIDE + 4}
    assert found[2 * SIDE + 3] == max(found.values())


@pytest.mark.parametrize(("u", "v", "cell"), [(0, 0, 0), (223, 223, 63), (0, 100, 24)])
def test_the_border_of_the_view_has_nothing_beyond(u: int, v: int, cell: int) -> None:
    assert shares_of(u, v)[cell] >= 0.5
    assert all(0 <= other < SIDE**2 for other in shares_of(u, v))


def test_shares_add_up_to_one_everywhere() -> None:
    axis = torch.arange(224)
    pixels = torch.cartesian_prod(axis, axis)
    cells, shares = cell_shares(pixels, SIDE)
    assert torch.allclose(shares.sum(1), torch.ones(len(pixels)))
    assert (cells[:, 0] == pixels[:, 1] // 28 * SIDE + pixels[:, 0] // 28).all()
