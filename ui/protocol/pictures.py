"""Scene and prediction as bytes for the browser: JPEG pictures and a thinned, quantised cloud."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clap.episode.snapshot import SceneFrame
from clap.geometry.frames import Workspace
from clap.policies.prediction import Prediction
from ui.protocol.downsample import downsample
from ui.protocol.messages import BinaryHeader, FineHeader, SceneHeader

JPEG_QUALITY = 86
HEATMAP_OPACITY = 0.72


def envelope(header: BinaryHeader, parts: Mapping[str, bytes]) -> bytes:
    """One binary message: header length (uint32, little endian), JSON header naming the parts, then the parts."""
    sizes = [[name, len(part)] for name, part in parts.items()]
    text = json.dumps({**header.model_dump(), "parts": sizes}, separators=(",", ":")).encode()
    return b"".join((struct.pack("<I", len(text)), text, *parts.values()))


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """JPEG bytes of an (H, W, 3) uint8 picture."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def quantise(points: NDArray[np.float32], workspace: Workspace) -> NDArray[np.uint16]:
    """World points (N, 3) as uint16 fractions of the workspace box: 15 micrometres a step in a 1 m box."""
    low, high = np.asarray(workspace.low), np.asarray(workspace.high)
    return np.clip(np.round((points - low) / (high - low) * 65535), 0, 65535).astype("<u2")


def over_heatmap(rgb: NDArray[np.uint8], heatmap: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A heatmap (H, W) laid over a picture (H, W, 3) in a black-red-yellow ramp, brightest at its peak."""
    heat = heatmap / max(float(heatmap.max()), 1e-9)
    strength = np.sqrt(heat)[..., None]
    ramp = np.stack([np.full_like(heat, 255.0), 255.0 * heat, 60.0 * heat**3], axis=-1)
    mixed = rgb * (1 - HEATMAP_OPACITY * strength) + ramp * HEATMAP_OPACITY * strength
    return np.clip(mixed, 0, 255).astype(np.uint8)


def scene_message(scene: SceneFrame) -> bytes:
    """The latest look: three views and all cameras as JPEG, and the thinned cloud."""
    cloud, workspace = downsample(scene.cloud), scene.views.workspace
    parts = {f"view{k}": jpeg(picture) for k, picture in enumerate(scene.views.rgb)}
    parts |= {f"camera{k}": jpeg(frame.rgb) for k, frame in enumerate(scene.observation.frames)}
    parts["positions"] = quantise(cloud.points, workspace).tobytes()
    parts["colors"] = np.ascontiguousarray(cloud.colors).tobytes()
    header = SceneHeader(
        seq=scene.seq,
        cameras=[frame.name for frame in scene.observation.frames],
        points=len(scene.cloud),
        shown=len(cloud),
        low=workspace.low,
        high=workspace.high,
    )
    return envelope(header, parts)


def fine_message(prediction: Prediction) -> bytes:
    """The fine stage: the zoomed views, with the heatmaps over them and plain. No part without that stage."""
    parts: dict[str, bytes] = {}
    if prediction.zoomed is not None:
        for k, picture in enumerate(prediction.zoomed.rgb):
            heat = None if prediction.heatmaps is None else prediction.heatmaps[k]
            parts[f"zoom{k}"] = jpeg(picture if heat is None else over_heatmap(picture, heat))
            if heat is not None:
                parts[f"plain{k}"] = jpeg(picture)
    return envelope(FineHeader(heatmaps=prediction.heatmaps is not None), parts)
