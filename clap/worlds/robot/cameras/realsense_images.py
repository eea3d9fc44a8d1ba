"""From librealsense's framesets to images: filters, alignment of depth to colour, metres, no lens distortion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from clap.worlds.robot.config import FilterConfig

DISTORTION_PX = 0.05
"""Images are rectified if the lens moves any pixel further than this; a D435i's colour comes without distortion."""


@dataclass(frozen=True)
class RgbdImage:
    """Colour and the depth seen from the same lens.

    ``rgb`` (H, W, 3) uint8; ``depth`` (H, W) float32 metres, 0 = invalid; ``intrinsics`` (3, 3) in the project's
    convention; ``number`` the device's count of frames; ``captured`` seconds of the host's clock (time.time);
    ``device_clock`` False if that is the time of arrival, as the device's clock could not be used.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.floating]
    number: int
    captured: float
    device_clock: bool


class Imaging:
    """Makes images of one stream's framesets, in their order: the temporal filter looks back."""

    def __init__(self, filters: FilterConfig):
        # Before the alignment, and in disparity, as librealsense's documentation recommends.
        self._filters: list[Any] = []
        if filters.decimation > 1:
            self._filters.append(rs.decimation_filter(filters.decimation))
        if filters.spatial or filters.temporal:
            self._filters.append(rs.disparity_transform(True))
            self._filters += [rs.spatial_filter()] if filters.spatial else []
            self._filters += [rs.temporal_filter()] if filters.temporal else []
            self._filters.append(rs.disparity_transform(False))
        # After it: the alignment leaves holes of its own.
        self._fill = rs.hole_filling_filter() if filters.hole_filling else None
        self._align = rs.align(rs.stream.color)
        self._rectify: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._lens: tuple[Any, ...] | None = None

    def image(self, frames: Any, arrived: float, use_device_clock: bool) -> RgbdImage:
        """The frameset (with depth and colour) as an image. ``arrived``: seconds of the host's clock.

        The arrays are copies: librealsense's own memory is lent out of a small pool, and whoever keeps some frames
        stops the stream. Its alignment is good to about a pixel: even between two equal lenses 3 % of the depth pixels
        fall into a neighbour's place, which shows as small holes and, at 1 % of the pixels, at the edges of things.
        """
        for block in self._filters:
            frames = block.process(frames).as_frameset()
        aligned = self._align.process(frames).as_frameset()
        if self._fill is not None:
            aligned = self._fill.process(aligned).as_frameset()
        depth_frame, color_frame = aligned.get_depth_frame(), aligned.get_color_frame()
        profile = color_frame.profile.as_video_stream_profile()
        rgb = np.array(color_frame.get_data(), np.uint8)
        if profile.format() == rs.format.bgr8:
            rgb = np.ascontiguousarray(rgb[..., ::-1])
        # Asked of the frame: a software sensor or a recording's is no depth sensor with a get_depth_scale.
        depth = np.asanyarray(depth_frame.get_data()).astype(np.float32) * np.float32(depth_frame.get_units())
        lens = profile.intrinsics
        self._look_at(lens)
        if self._rectify is not None:
            rgb = np.asarray(cv2.remap(rgb, *self._rectify, cv2.INTER_LINEAR), np.uint8)
            # Between a near and a far pixel there is no surface: depth is never interpolated.
            depth = np.asarray(cv2.remap(depth, *self._rectify, cv2.INTER_NEAREST), np.float32)
        intrinsics = np.array([[lens.fx, 0, lens.ppx + 0.5], [0, lens.fy, lens.ppy + 0.5], [0, 0, 1.0]])
        captured = color_frame.get_timestamp() / 1000
        lag = arrived - captured
        trusted = use_device_clock and _is_host_time(color_frame) and -CLOCK_JITTER_S < lag < CLOCK_TRUST_S
        number = color_frame.get_frame_number()
        return RgbdImage(rgb, depth, intrinsics, number, min(captured, arrived) if trusted else arrived, trusted)

    def _look_at(self, lens: Any) -> None:
        """Prepare the rectification of this lens, once."""
        seen = (lens.width, lens.height, lens.fx, lens.fy, lens.ppx, lens.ppy, *lens.coeffs)
        if seen == self._lens:
            return
        self._lens, self._rectify = seen, None
        if any(lens.coeffs):
            columns, rows = np.meshgrid(
                np.arange(lens.width, dtype=np.float32), np.arange(lens.height, dtype=np.float32)
            )
            # The library's own projection knows all of its distortion models, but takes one point a call. Between the
            # nodes of this grid a lens bends by less than a hundredth of a pixel.
            u, v = np.meshgrid(*(GRID_PX * np.arange(side // GRID_PX + 2) for side in (lens.width, lens.height)))
            rays = zip(((u - lens.ppx) / lens.fx).flat, ((v - lens.ppy) / lens.fy).flat, strict=True)
            nodes = np.array([rs.rs2_project_point_to_pixel(lens, [x, y, 1.0]) for x, y in rays], np.float32)
            maps = cv2.remap(nodes.reshape(*u.shape, 2), columns / GRID_PX, rows / GRID_PX, cv2.INTER_LINEAR)
            if np.abs(maps - np.stack([columns, rows], -1)).max() > DISTORTION_PX:
                self._rectify = np.ascontiguousarray(maps[..., 0]), np.ascontiguousarray(maps[..., 1])


GRID_PX = 8

CLOCK_TRUST_S = 5.0
"""A device's time stamp that lies further back than this, or in the future, is a clock that was set wrongly."""

CLOCK_JITTER_S = 0.05
"""librealsense estimates the host's time at the exposure; the estimate may run ahead by some milliseconds."""


def _is_host_time(frame: Any) -> bool:
    domain = frame.get_frame_timestamp_domain()
    return domain in (rs.timestamp_domain.system_time, rs.timestamp_domain.global_time)
