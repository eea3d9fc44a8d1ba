"""GemBench keysteps: ours come back as they were, others' are read with suspicion."""

from __future__ import annotations

import pickle

import lmdb
import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap.geometry.frames import Workspace
from clap.geometry.observation import fuse
from demos.errors import DamagedFileError
from demos.formats.camera_fit import camera_from_points
from demos.formats.gembench import CAMERAS, export_keysteps, import_keysteps
from demos.formats.safe_msgpack import pack, unpack
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, make_frame, record

TASKVAR = "close_jar_peract+15"


@pytest.fixture
def store(tmp_path):
    with DemonstrationStore.open(tmp_path / "set") as opened:
        yield opened


def written(folder, content, key=b"episode0"):
    """A keystep LMDB with one record of these bytes."""
    target = folder / TASKVAR
    target.mkdir(parents=True)
    with lmdb.open(str(target), map_size=1 << 28) as database, database.begin(write=True) as transaction:
        transaction.put(key, content)
    return target


def record_of(keyframes=3, **changes):
    """A record to the published layout: four cameras around a bumpy table."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16] + 0.5
    points = []
    for camera in range(4):
        depth = 1.0 + rng.uniform(0, 0.3, (16, 16))
        local = np.stack([(columns - 8) / 20 * depth, (rows - 8) / 20 * depth, depth], -1)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        turn *= np.linalg.det(turn)
        points.append(local @ turn.T + [0.2, 0.1 * camera, 1.0])
    values = {
        "key_frameids": [0, 31, 64][:keyframes],
        "rgb": rng.integers(0, 256, (keyframes, 4, 16, 16, 3)).astype(np.uint8),
        "pc": np.stack([points] * keyframes).astype(np.float32),
        "depth": np.zeros((keyframes, 4, 16, 16), np.float32),
        "action": np.array([[0.2, 0.1 * k, 0.9, 1, 0, 0, 0, k % 2] for k in range(keyframes)], np.float32),
        "gripper_pose": [dict.fromkeys(CAMERAS, (3, 4))] * keyframes,
        "bbox_info": [{"Panda_link0": np.zeros(6)}] * keyframes,
    }
    return values | changes


def test_a_published_record_comes_with_its_shapes_keyframes_and_instruction(store, tmp_path):
    source = record_of()
    (entry,) = import_keysteps(store, written(tmp_path, pack(source)), "close the azure jar")
    assert (entry.length, entry.task, entry.labels.keyframes) == (3, "close the azure jar", (1, 2))
    frame = store.read(entry.id).frame(1)
    assert [camera.name for camera in frame.observation.frames] == list(CAMERAS)
    np.testing.assert_array_equal(frame.observation.frames[2].rgb, source["rgb"][1, 2])
    np.testing.assert_allclose(frame.observation.gripper_pose.position, [0.2, 0.1, 0.9], atol=1e-6)
    assert frame.observation.gripper_open == 1 and frame.observation.timestamp == pytest.approx(31 / 20)
    np.testing.assert_allclose(frame.commanded.position, [0.2, 0.2, 0.9], atol=1e-6)
    cloud = fuse(frame.observation, Workspace((-9, -9, -9), (9, 9, 9)))
    # Depth is kept in whole millimetres.
    np.testing.assert_allclose(cloud.points, source["pc"][1].reshape(-1, 3), atol=0.0015)


def test_what_is_exported_has_the_published_layout(store, tmp_path):
    entry = record(store, 10, cameras=CAMERAS)
    target = export_keysteps([store.read(entry.id)], tmp_path / "out", TASKVAR)
    with lmdb.open(str(target), readonly=True) as database, database.begin() as reader:
        assert [key for key, _ in reader.cursor()] == [b"episode0"]
        found = unpack(reader.get(b"episode0"))
    assert found["key_frameids"] == [0, 4, 9]
    shapes = {"rgb": (3, 4, 24, 24, 3), "pc": (3, 4, 24, 24, 3), "depth": (3, 4, 24, 24), "action": (3, 8)}
    assert {name: found[name].shape for name in shapes} == shapes
    assert (found["rgb"].dtype, found["pc"].dtype, found["action"].dtype) == (np.uint8, np.float32, np.float32)
    assert list(found["action"][:, 7]) == [1, 1, 0] and set(found["gripper_pose"][0]) == set(CAMERAS)


def test_exported_and_imported_keysteps_show_the_same_points(store, tmp_path):
    def bumpy(number):
        rng = np.random.default_rng(number)
        frame = make_frame(number, cameras=CAMERAS)
        for camera in frame.observation.frames:
            camera.depth[:] = rng.uniform(0.5, 0.9, camera.depth.shape)
            camera.depth[0, :3] = 0
        return frame

    take = store.begin(INFO)
    for number in range(10):
        take.add(bumpy(number), wait=True)
    entry = take.commit()
    target = export_keysteps([store.read(entry.id)], tmp_path / "out", TASKVAR)
    with DemonstrationStore.open(tmp_path / "back") as other:
        (back,) = import_keysteps(other, target, INFO.task)
        for ours, theirs in zip((0, 4, 9), range(3), strict=True):
            one, two = store.read(entry.id).observation(ours), other.read(back.id).observation(theirs)
            for camera, again in zip(one.frames, two.frames, strict=True):
                np.testing.assert_array_equal(camera.rgb, again.rgb)
                np.testing.assert_allclose(camera.depth, again.depth, atol=0.0011)
                np.testing.assert_allclose(camera.intrinsics, again.intrinsics, atol=0.02)
                np.testing.assert_allclose(camera.cam2world, again.cam2world, atol=1e-3)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"action": np.zeros((3, 7))}, "do not fit"),
        ({"rgb": np.zeros((3, 4, 16, 16, 3))}, "do not fit"),
        ({"pc": np.full((3, 4, 16, 16, 3), np.nan)}, "do not fit"),
        ({"pc": np.zeros((3, 4, 16, 16, 3))}, "cannot be told apart"),
        ({"pc": np.random.default_rng(0).normal(size=(3, 4, 16, 16, 3))}, "no camera sees"),
        ({"key_frameids": [0, 5, 5]}, "not in order"),
        ({"key_frameids": "abc"}, "not a record"),
    ],
)
def test_records_that_do_not_fit_are_refused(store, tmp_path, changes, sentence):
    with pytest.raises(DamagedFileError, match=sentence):
        import_keysteps(store, written(tmp_path, pack(record_of(**changes))), "close the jar")
    assert store.episodes() == () and store.unfinished() == () and store.trash() == ()


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def packed_array(kind, shape, data):
    return msgpack.packb({"rgb": {b"nd": True, b"type": kind, b"kind": b"O", b"shape": shape, b"data": data}})


def test_hostile_records_are_refused_and_run_nothing(store, tmp_path):
    evil = pickle.dumps(Touch(tmp_path / "touched"))
    hostile = {
        "are not read": packed_array("O", (1,), evil),
        "arrays of |O": packed_array("|O", (1,), evil),
        "do not fit its shape": packed_array("<f8", (2**40, 2**20), b"12345678"),
        "is refused": b"\xdd\xff\xff\xff\xff",
        "not a record of keysteps": msgpack.packb([1, 2, 3]),
        "refused: ": b"\x91" * 100_000,
    }
    for number, (sentence, content) in enumerate(hostile.items()):
        with pytest.raises(DamagedFileError) as refused:
            import_keysteps(store, written(tmp_path / str(number), content), "close the jar")
        assert sentence in str(refused.value)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("name", ["../evil+1", "a/b+1", "close_jar", "x+1/../../y", "a\0+1"])
def test_names_that_lead_elsewhere_are_refused(store, tmp_path, name):
    entry = record(store, 4)
    with pytest.raises(ValueError, match="close_jar"):
        export_keysteps([store.read(entry.id)], tmp_path / "out", name)
    assert not (tmp_path / "evil+1").exists()


def test_keys_that_are_no_episodes_are_refused(store, tmp_path):
    with pytest.raises(DamagedFileError, match="no name of an episode"):
        import_keysteps(store, written(tmp_path, pack(record_of()), key=b"../../episode0"), "close the jar")


def test_a_damaged_database_is_refused(store, tmp_path):
    target = written(tmp_path, pack(record_of()))
    (target / "data.mdb").write_bytes(b"\0" * 4096)
    with pytest.raises(DamagedFileError, match="LMDB"):
        import_keysteps(store, target, "close the jar")
    (target / "data.mdb").unlink()
    with pytest.raises(DamagedFileError, match=r"no data\.mdb"):
        import_keysteps(store, target, "close the jar")


@given(st.integers(0, 10**6))
def test_a_camera_is_found_from_what_it_sees(seed):
    rng = np.random.default_rng(seed)
    height, width = 20, 30
    intrinsics = np.array([[rng.uniform(20, 60), 0, rng.uniform(10, 20)], [0, rng.uniform(20, 60), 10], [0, 0, 1]])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    place, depth = rng.uniform(-2, 2, 3), rng.uniform(0.5, 1.5, (height, width))
    rows, columns = np.mgrid[:height, :width] + 0.5
    local = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(intrinsics).T * depth[..., None]
    found, cam2world, again = camera_from_points((local @ turn.T + place).astype(np.float32))
    np.testing.assert_allclose(found, intrinsics, atol=0.02)
    np.testing.assert_allclose(cam2world[:3, :3], turn, atol=1e-3)
    np.testing.assert_allclose(cam2world[:3, 3], place, atol=1e-3)
    np.testing.assert_allclose(again, depth, atol=1e-3)
