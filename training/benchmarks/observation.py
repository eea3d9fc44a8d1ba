"""One observation of the tabletop: capture, fuse, three views."""

from __future__ import annotations

from clap.errors import RenderingError
from clap.geometry.frames import IMAGE_SIZE
from clap.geometry.observation import CameraFrame, fuse
from clap.geometry.views import render_views
from clap.worlds.tabletop.world import TabletopWorld
from training.benchmarks import baseline_numpy as baseline_numpy
from training.benchmarks import baseline_open3d as baseline_open3d
from training.benchmarks import baseline_torch as baseline_torch
from training.benchmarks.baselines import NUMPY, OPEN3D, TORCH, use_one_thread
from training.benchmarks.measure import Row, SectionUnavailable, Settings, median_cpu_ms, total

LIMIT_MS = 30.0
TASK = "block_in_same_cup"


def rows(settings: Settings) -> list[Row]:
    """Rows for capture (four cameras), fuse, three views, and their sum."""
    use_one_thread()
    try:
        world = TabletopWorld()
    except RenderingError as error:
        raise SectionUnavailable(str(error)) from error
    try:
        world.reset(TASK, seed=settings.seed)
        capture = _capture(world, settings.repeats)
        observation, workspace = world.observe(), world.workspace
    finally:
        world.close()
    frames, repeats = observation.frames, settings.repeats
    cloud, open3d_cloud = fuse(observation, workspace), baseline_open3d.fuse(frames, workspace)
    fusing = Row(
        f"fuse, {len(cloud):,} points",
        median_cpu_ms(lambda: fuse(observation, workspace), repeats),
        {
            NUMPY: median_cpu_ms(lambda: baseline_numpy.fuse(frames, workspace), repeats),
            TORCH: median_cpu_ms(lambda: baseline_torch.fuse(frames, workspace), repeats),
            OPEN3D: median_cpu_ms(lambda: baseline_open3d.fuse(frames, workspace), repeats),
        },
    )
    views = Row(
        f"three views of {IMAGE_SIZE} px",
        median_cpu_ms(lambda: render_views(cloud, workspace), repeats),
        {
            NUMPY: median_cpu_ms(lambda: baseline_numpy.views(cloud, workspace, IMAGE_SIZE), repeats),
            TORCH: median_cpu_ms(lambda: baseline_torch.views(cloud, workspace, IMAGE_SIZE), repeats),
            OPEN3D: median_cpu_ms(lambda: baseline_open3d.views(open3d_cloud, workspace, IMAGE_SIZE), repeats),
        },
        note="numpy and torch give the same bytes; Open3D neither splats nor xyz, by pinholes 1,000 m away",
    )
    parts = [capture, fusing, views]
    return [*parts, total("one observation", parts, LIMIT_MS)]


def _capture(world: TabletopWorld, repeats: int) -> Row:
    """The cameras' row: none of the rivals renders, so theirs is MuJoCo's renderer as it comes."""
    import mujoco  # after the world, which chooses the OpenGL library that mujoco loads when it is imported

    frames: tuple[CameraFrame, ...] = world.observe().frames
    height, width = frames[0].depth.shape
    ours = median_cpu_ms(world.observe, repeats)
    with mujoco.Renderer(world.model, height, width) as renderer:

        def two_passes() -> None:
            for frame in frames:
                renderer.update_scene(world.data, frame.name)
                renderer.render()
                renderer.enable_depth_rendering()
                renderer.render()
                renderer.disable_depth_rendering()

        plain = median_cpu_ms(two_passes, repeats)
    return Row(
        f"capture, {len(frames)} x {width}x{height} RGB-D",
        ours,
        {NUMPY: plain, TORCH: plain, OPEN3D: plain},
        note="the rivals do not render: theirs is mujoco.Renderer as it comes, a pass for colour and one for depth",
    )
