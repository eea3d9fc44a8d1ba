"""RLBench's stored demonstrations are imported whole; nothing of what a pickle asks for is ever run."""

from __future__ import annotations

import os
import pickle
import shutil
import struct
import zlib

import numpy as np
import pytest

from clap.geometry.frames import Workspace
from clap.geometry.observation import fuse
from demos.errors import DamagedFileError
from demos.formats.restricted_unpickler import load_pickle
from demos.formats.rlbench import import_rlbench, opencv_camera
from demos.store.store import DemonstrationStore
from tests.support.rlbench_files import colour, distance, write_demo


@pytest.fixture
def store(tmp_path):
    with DemonstrationStore.open(tmp_path / "set") as opened:
        yield opened


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_stored_demonstration_comes_with_its_shapes_keyframes_and_instruction(store, tmp_path, protocol):
    entry = import_rlbench(store, write_demo(tmp_path / "episode0", protocol=protocol), "close_jar")
    assert (entry.length, entry.task, entry.labels.info.task_key) == (12, "close the red jar", "close_jar")
    assert entry.labels.keyframes == (4, 8, 11)
    frame = store.read(entry.id).frame(5)
    wrist, front = frame.observation.frames
    assert (wrist.name, front.name) == ("wrist", "front")
    np.testing.assert_array_equal(front.rgb, colour(5))
    np.testing.assert_allclose(wrist.depth, distance(5), atol=0.00051)
    np.testing.assert_allclose(frame.observation.gripper_pose.position, [0.25, 0.1, 0.9], atol=1e-6)
    # Commanded is what the next keyframe, 8, has: the gripper closes there.
    np.testing.assert_allclose(frame.commanded.position, [0.28, 0.1, 0.9], atol=1e-6)
    assert frame.commanded_gripper == 0
    assert len(fuse(frame.observation, Workspace((-5, -5, -5), (5, 5, 5)))) == 2 * 24 * 24


def test_the_camera_is_turned_into_ours_and_sees_the_same_points():
    """Unprojected by RLBench's convention and by ours, a pixel is the same point."""
    theirs, pose = np.array([[-30.0, 0, 12], [0, -25.0, 11], [0, 0, 1]]), np.eye(4)
    pose[:3, 3] = [0.2, 0.1, 0.5]
    ours, turned = opencv_camera(theirs, pose)
    assert ours[0, 0] == 30 and ours[1, 1] == 25
    for column, row, depth in [(0, 0, 1.0), (20, 3, 2.5)]:
        their_point = pose[:3, :3] @ (np.linalg.inv(theirs) @ [column, row, 1] * depth) + pose[:3, 3]
        our_point = turned[:3, :3] @ (np.linalg.inv(ours) @ [column + 0.5, row + 0.5, 1] * depth) + turned[:3, 3]
        np.testing.assert_allclose(our_point, their_point)


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


HOSTILE = {
    "posix.system": lambda target: pickle.dumps(Evil(os.system, f"touch {target}")),
    "it asks for posix.system": lambda target: b"cposix\nsystem\n(S'touch " + str(target).encode() + b"'\ntR.",
    "builtins.eval": lambda target: pickle.dumps([1, Evil(eval, f"open({str(target)!r}, 'w')")]),
    "it asks for __builtin__.getattr": lambda target: pickle.dumps(Evil(getattr, "", "format"), 2),
    "builtins.bytearray": lambda target: pickle.dumps(bytearray(b"x"), 4),
    "numpy.load": lambda target: pickle.dumps(Evil(np.load, str(target))),
    "arrays of 'O8'": lambda target: pickle.dumps(np.array([{}], dtype=object)),
    "arrays of 'V": lambda target: pickle.dumps(np.zeros(1, dtype=[("a", "f8")])),
    "more memory than its size explains": lambda target: b"\x80\x02Nr\xff\xff\xff\x7f.",
    "is refused": lambda target: b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.",
    "BINPERSID": lambda target: b"\x80\x02Nq\x00Q.",
    "it holds a set": lambda target: pickle.dumps({1, 2}, 4),
    "refused: ": lambda target: b"",
}


@pytest.mark.parametrize("sentence", HOSTILE)
def test_hostile_pickles_are_refused_and_run_nothing(tmp_path, sentence):
    path, target = tmp_path / "low_dim_obs.pkl", tmp_path / "touched"
    path.write_bytes(HOSTILE[sentence](target))
    with pytest.raises(DamagedFileError) as refused:
        load_pickle(path)
    assert sentence in str(refused.value) and "low_dim_obs.pkl is refused" in str(refused.value)
    assert not target.exists()


@pytest.mark.parametrize("named", ["numpy.core.multiarray\nscalar", "_codecs\nencode", "copyreg\n_reconstructor"])
def test_a_file_cannot_change_how_later_files_are_read(tmp_path, named):
    """It sets attributes of what it was given: the class of a number, or a function."""
    path = tmp_path / "low_dim_obs.pkl"
    path.write_bytes(f"c{named}\n(N(dVvalue\nVx\nsV__defaults__\n(Vutf7\ntstb.".encode())
    with pytest.raises(DamagedFileError, match="refused"):
        load_pickle(path)
    path.write_bytes(pickle.dumps([np.float64(2.5), np.arange(3)], protocol=2))
    number, array = load_pickle(path)
    assert number == 2.5 and array.tolist() == [0, 1, 2]


def test_an_array_whose_bytes_do_not_fit_is_refused(tmp_path):
    path = tmp_path / "a.pkl"
    content = pickle.dumps(np.zeros((2, 3)), 2)
    assert load_pickle_of(path, content).shape == (2, 3)
    huge = content.replace(b"K\x02K\x03\x86", b"J\xff\xff\xff\x7fK\x03\x86")
    assert huge != content
    with pytest.raises(DamagedFileError, match="do not fit its shape"):
        load_pickle_of(path, huge)


def load_pickle_of(path, content):
    path.write_bytes(content)
    return load_pickle(path)


def test_what_is_shared_a_million_times_is_read_once(tmp_path):
    """Lists of lists of lists: 2 ** 60 elements if each were looked at."""
    value: list = []
    for _ in range(60):
        value = [value, value]
    found = load_pickle_of(tmp_path / "a.pkl", pickle.dumps(value))
    assert found[0] is found[1]


def test_deep_nesting_is_refused(tmp_path):
    with pytest.raises(DamagedFileError):
        load_pickle_of(tmp_path / "a.pkl", b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")


def bomb(side: int) -> bytes:
    """A PNG that says it is ``side`` x ``side``."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda d: (d / "front_rgb/3.png").unlink(), "front_rgb/3.png is missing"),
        (lambda d: (d / "front_rgb/3.png").write_bytes(bomb(50_000)), "front_rgb/3.png"),
        (lambda d: (d / "wrist_depth/0.png").write_bytes(bomb(4096)), "4096 x 4096"),
        (lambda d: (d / "wrist_depth/0.png").write_bytes(b"GIF89a"), "no PNG"),
        (lambda d: (d / "low_dim_obs.pkl").write_bytes(b"\x80\x04N."), "no list of observations"),
        (lambda d: (d / "low_dim_obs.pkl").write_bytes((d / "low_dim_obs.pkl").read_bytes()[:-999]), "refused"),
        (lambda d: (d / "variation_descriptions.pkl").write_bytes(pickle.dumps([7])), "no instruction"),
        (lambda d: [shutil.rmtree(d / f"{name}_rgb") for name in ("front", "wrist")], "no camera"),
    ],
)
def test_a_damaged_demonstration_leaves_the_set_as_it_was(store, tmp_path, damage, sentence):
    folder = write_demo(tmp_path / "episode0")
    damage(folder)
    with pytest.raises(DamagedFileError, match=sentence):
        import_rlbench(store, folder)
    assert store.episodes() == () and store.unfinished() == () and store.trash() == ()
    import_rlbench(store, write_demo(tmp_path / "episode1"))
    assert len(store.episodes()) == 1
