"""Settings of the whole test run: few threads, no network, and property tests that a slow machine does not fail."""

from __future__ import annotations

import os

# Set before the first import of torch, gradio or transformers, which read them once. With two cores, OpenMP's busy
# waiting makes a forward pass of the small models several times slower than one thread.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import hypothesis
import pytest

from clap.worlds.tabletop.graphics import choose_backend

choose_backend()  # before the first import of mujoco, whichever test it is in

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture
def staged():
    """Makes episodes in the world without physics (see ``staged_episode``), and closes them."""
    from tests.support.staged_episode import StagedEpisode

    made = []

    def make(**keywords):
        made.append(StagedEpisode(**keywords))
        return made[-1]

    yield make
    for one in made:
        one.episode.close()
        assert all(world.closed for world in one.worlds)


@pytest.fixture(scope="module")
def served():
    """An arm of the tabletop scene, served on this machine over libfranka's protocol."""
    from clap.worlds.robot.loopback.arm import LoopbackArm

    # An address of this process's own: one that a test frees and takes again is not taken by another's arm meanwhile,
    # be it of another worker or of another run of the tests.
    high, low = divmod(os.getpid(), 250)
    arm = LoopbackArm(address=f"127.{1 + high % 250}.{1 + low}.1")
    yield arm
    arm.close()


@pytest.fixture
def store(tmp_path):
    """An empty set of demonstrations, open for writing."""
    from demos.store.store import DemonstrationStore

    with DemonstrationStore.open(tmp_path / "set") as store:
        yield store


@pytest.fixture
def recorder_of(store):
    """Makes recorders of episodes, which write into the ``store``, and closes them."""
    from demos.recording.recorder import Recorder

    made = []

    def make(episode):
        made.append(Recorder(episode, store))
        return made[-1]

    yield make
    for one in made:
        one.close()
