"""One observation of the tabletop: capture, fuse, three views."""

from __future__ import annotations

from collections.abc import Callable

from clap.failures import RenderingError
from clap.geometry import IMAGE_SIZE
from clap.observation import fuse
from clap.views import render_views
from clap.worlds.tabletop.world import TabletopWorld
from training.benchmarks import naive_observation
from training.benchmarks.measure import Row, SectionUnavailable, Settings, median_cpu_ms, total

LIMIT_MS = 45.0
TASK = "block_in_same_cup"


def rows(settings: Settings) -> list[Row]:
    """Rows for capture (four cameras), fuse, three views, and their sum."""
    try:
        world = TabletopWorld()
    except RenderingError as error:
        raise SectionUnavailable(str(error)) from error
    try:
        world.reset(TASK, seed=settings.seed)
        return _measured(world, settings.repeats)
    finally:
        world.close()


def _measured(world: TabletopWorld, repeats: int) -> list[Row]:
    import mujoco  # after the world, which chooses the OpenGL library that mujoco loads when it is imported

    observation = world.observe()
    frames, workspace = observation.frames, world.workspace
    names = tuple(frame.name for frame in frames)
    height, width = frames[0].depth.shape
    cloud = fuse(observation, workspace)

    def row(what: str, ours: Callable, naive: Callable, how: str) -> Row:
        return Row(what, median_cpu_ms(ours, repeats), median_cpu_ms(naive, repeats), naive=how)

    with mujoco.Renderer(world.model, height, width) as renderer:
        capture = row(
            f"capture, {len(names)} x {width}x{height} RGB-D",
            world.observe,
            lambda: naive_observation.capture(renderer, world.data, names),
            "mujoco.Renderer as it comes, one pass for colour and one for depth",
        )
    parts = [
        capture,
        row(
            f"fuse, {len(cloud):,} points",
            lambda: fuse(observation, workspace),
            lambda: naive_observation.fuse(frames, workspace),
            "numpy, a grid of pixels for each camera, then a mask",
        ),
        row(
            f"three views of {IMAGE_SIZE} px",
            lambda: render_views(cloud, workspace),
            lambda: naive_observation.render(cloud, workspace, IMAGE_SIZE),
            "numpy, a sort for each view, without splats",
        ),
    ]
    return [*parts, total("one observation", parts, LIMIT_MS)]
