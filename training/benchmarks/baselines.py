"""The libraries that ours is measured beside."""

from __future__ import annotations

import torch

NUMPY, TORCH, OPEN3D = "numpy", "torch", "Open3D"
"""Their columns in the tables."""


def use_one_thread() -> None:
    """One thread for torch; numpy and Open3D follow OMP_NUM_THREADS, which the command sets before they load."""
    torch.set_num_threads(1)
