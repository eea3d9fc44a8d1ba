"""A frame of an episode as the page shows the scene on Operate: views, cameras and cloud."""

from __future__ import annotations

import numpy as np

from clap.episode.snapshot import SceneFrame
from clap.errors import EmptyCloudError
from clap.geometry.frames import IMAGE_SIZE, VIEWS, Workspace
from clap.geometry.observation import PointCloud, fuse
from clap.geometry.views import CanonicalViews, render_views
from demos.store.episode import RecordedEpisode
from ui.protocol.pictures import scene_message


def scene_of(episode: RecordedEpisode, number: int) -> bytes:
    """A frame in the binary form of the live scene: three views, all cameras, and the thinned cloud.

    Raises IndexError, and DamagedFileError.
    """
    observation, workspace = episode.observation(number), Workspace()
    try:
        cloud = fuse(observation, workspace)
        views = render_views(cloud, workspace)
    except EmptyCloudError:  # the cameras looked elsewhere; their pictures are still to be seen
        cloud, views = PointCloud(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)), _blank(workspace)
    return scene_message(SceneFrame(number, observation.timestamp, observation, cloud, views))


def _blank(workspace: Workspace) -> CanonicalViews:
    shape = (len(VIEWS), IMAGE_SIZE, IMAGE_SIZE)
    return CanonicalViews(
        np.zeros((*shape, 3), np.uint8),
        np.zeros(shape, np.float32),
        np.zeros((*shape, 3), np.float32),
        np.zeros(shape, np.bool_),
        workspace,
    )
