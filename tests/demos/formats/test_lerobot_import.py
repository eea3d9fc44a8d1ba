"""LeRobot sets with depth are imported whole or not at all, whoever wrote them and whatever they hold."""

from __future__ import annotations

import shutil
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demos.errors import DamagedFileError, DemonstrationError, ReadOnlyError, SetMismatchError
from demos.formats.lerobot.columns import UnfitSetError
from demos.formats.lerobot.import_set import import_lerobot
from demos.frames import Outcome
from demos.store.store import DemonstrationStore
from tests.support import lerobot_files as theirs
from tests.support.demonstration_takes import INFO, record

DATA = "data/chunk-000/file-000.parquet"
DEPTH = "observation.images.top_depth"
COLOUR = "observation.images.top"


@pytest.fixture
def store(tmp_path):
    with DemonstrationStore.open(tmp_path / "set") as opened:
        yield opened


def features(**changes):
    """info.json with some features replaced, or (None) left out; dots are written as __."""
    info = theirs.description()
    for name, change in changes.items():
        name = name.replace("__", ".")
        if change is None:
            del info["features"][name]
        else:
            info["features"][name] = {**info["features"].get(name, {}), **change}
    return info


def assert_untouched(store):
    assert store.episodes() == () and store.unfinished() == () and store.trash() == ()
    assert list(store.folder.changes.iterdir()) == []


def test_a_set_of_others_comes_with_its_frames_instructions_and_keyframes(store, tmp_path):
    first, second = import_lerobot(store, theirs.write_set(tmp_path / "theirs"))
    assert (first.task, first.length, second.task, second.length) == ("open the drawer", 6, "close the drawer", 4)
    assert (first.labels.info.robot, first.labels.info.fps) == ("panda", 10)
    episode = store.read(second.id)
    frame = episode.frame(1)
    (camera,) = frame.observation.frames
    assert camera.name == "top"
    np.testing.assert_array_equal(camera.rgb, theirs.colour(7))
    np.testing.assert_allclose(camera.depth, theirs.millimetres(7) / 1000, atol=1e-6)
    np.testing.assert_allclose(camera.intrinsics, theirs.INTRINSICS)
    np.testing.assert_allclose(camera.cam2world, theirs.CAM2WORLD)
    np.testing.assert_allclose(episode.state, theirs.poses()[6:], atol=1e-6)
    # The gripper closes at frame 3 of the first episode: what is commanded before is what is reached there.
    assert first.labels.keyframes == (3, 5)
    np.testing.assert_allclose(store.read(first.id).action[0], theirs.poses()[3], atol=1e-6)
    np.testing.assert_array_equal(store.read(first.id).joints, np.zeros((6, 7)))


@pytest.mark.parametrize(
    "feature, cell",
    [
        ({"dtype": "uint16", "shape": [20, 24]}, lambda k: theirs.millimetres(k).tolist()),
        ({"dtype": "uint16", "shape": [20, 24, 1]}, lambda k: theirs.millimetres(k)[..., None].tolist()),
        (
            {"dtype": "float32", "shape": [1, 20, 24], "info": {"depth_unit": "m"}},
            lambda k: [(theirs.millimetres(k) / 1000).tolist()],
        ),
        ({}, lambda k: theirs.encoded(theirs.millimetres(k))),
        (
            {"info": {"depth_unit": "m"}},
            lambda k: theirs.encoded(theirs.millimetres(k).astype(np.float32) / 1e3, "TIFF"),
        ),
    ],
)
def test_depth_is_read_as_png_tiff_and_plain_numbers(store, tmp_path, feature, cell):
    column = pa.array([cell(k) for k in range(10)])
    folder = theirs.write_set(
        tmp_path / "t", features(**{DEPTH.replace(".", "__"): feature}), theirs.columns() | {DEPTH: column}
    )
    entry = import_lerobot(store, folder)[0]
    np.testing.assert_allclose(
        store.read(entry.id).observation(2).frames[0].depth, theirs.millimetres(2) / 1000, atol=1e-6
    )


def test_the_set_s_own_keyframes_joints_action_and_moving_camera_are_taken(store, tmp_path):
    data = theirs.columns()
    moving = [[[1.0, 0, 0, 0.1 * k], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]] for k in range(10)]
    commanded = [[pose[0] + 0.5, *pose[1:]] for pose in theirs.poses()]
    more = {
        "observation.camera.top.intrinsics": ("float32", [3, 3], [theirs.INTRINSICS] * 10, None),
        "observation.camera.top.cam2world": ("float32", [4, 4], moving, None),
        "keyframe": ("bool", [1], [k in (2, 4) for k in range(10)], None),
        "subtask": ("string", [1], ["pull"] * 10, None),
        "action": ("float32", [8], commanded, theirs.POSE),
        "observation.joints.position": ("float32", [6], [[0.1 * k] * 6 for k in range(10)], None),
    }
    info = theirs.description()
    for name, (dtype, shape, values, names) in more.items():
        info["features"][name] = {"dtype": dtype, "shape": shape, "names": names}
        data[name] = pa.array(values)
    entry = import_lerobot(store, theirs.write_set(tmp_path / "t", info, data))[0]
    episode = store.read(entry.id)
    assert entry.labels.keyframes == (2, 4) and episode.frame(3).subtask == "pull"
    assert episode.frame(3).observation.frames[0].cam2world[0, 3] == pytest.approx(0.3)
    np.testing.assert_allclose(episode.action[3], commanded[3], atol=1e-6)
    # At rest, then 0.1 rad a frame at 10 frames a second.
    np.testing.assert_allclose(episode.velocities, np.repeat([[0.0], [1], [1], [1], [1], [1]], 6, 1), atol=1e-5)


def test_our_own_set_comes_with_its_ids_and_labels_and_not_twice(store, tmp_path):
    with DemonstrationStore.open(tmp_path / "other") as other:
        ours = record(other, 10)
        other.relabel(ours.id, outcome=Outcome.PARTIAL, notes="slipped")
    (made,) = import_lerobot(store, tmp_path / "other")
    assert made.id == ours.id and made.labels.outcome is Outcome.PARTIAL and made.labels.info.notes == "slipped"
    assert made.labels.info.operator == INFO.operator
    assert import_lerobot(store, tmp_path / "other") == ()
    # The files are not shared: what becomes of theirs is not ours to suffer.
    (tmp_path / "other" / DATA).write_bytes(b"gone")
    assert len(store.read(made.id).frame(9).observation.frames) == 2


def test_our_own_set_is_also_read_as_that_of_others(store, tmp_path):
    """As after LeRobot has written into it: the ids are new, everything in the frames is the same."""
    with DemonstrationStore.open(tmp_path / "other") as other:
        ours = record(other, 10)
        here = other.read(ours.id)
        (made,) = import_lerobot(store, tmp_path / "other", cameras=["wrist", "front"])
        there = store.read(made.id)
        assert made.id != ours.id and made.labels.outcome is ours.labels.outcome
        assert made.labels.keyframes == ours.labels.keyframes
        for name in ("state", "action", "joints", "velocities", "wall_time"):
            np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
        one, two = here.frame(9), there.frame(9)
        np.testing.assert_array_equal(two.observation.frames[0].depth, one.observation.frames[1].depth)
        assert (two.plan, two.objects, two.source) == (one.plan, one.objects, one.source)


def test_calibration_is_given_where_the_set_has_none(store, tmp_path):
    folder = theirs.write_set(tmp_path / "t", features(observation__images__top={"info": {}}))
    with pytest.raises(UnfitSetError, match="calibration of the camera top"):
        import_lerobot(store, folder)
    assert_untouched(store)
    given = {"top": (np.array(theirs.INTRINSICS), np.array(theirs.CAM2WORLD))}
    assert len(import_lerobot(store, folder, calibration=given)) == 2


VIDEO = {"dtype": "video"}


@pytest.mark.parametrize(
    "info, sentence",
    [
        (features(observation__images__top=VIDEO), "camera top is stored as a video"),
        (features(observation__images__top_depth=VIDEO), "camera top is stored as a video"),
        (features(observation__images__top_depth=None), "None of the cameras top, web has depth"),
        (features(observation__state={"names": ["shoulder", "elbow"]}), "it has shoulder, elbow"),
        (features(observation__images__top_depth={"dtype": "float32"}), "in which unit"),
        (features(observation__images__top_depth={"shape": [10, 24, 1]}), "another size than its colour"),
        (theirs.description(codebase_version="v2.1"), "of version v2.1"),
        (theirs.description(fps=0), "rate"),
        (theirs.description(fps="20"), "rate"),
        (theirs.description(fps=1e400), "not that of a LeRobot set"),
        (theirs.description(features=[]), "lacks|None of the cameras|not that of a LeRobot set"),
        (theirs.description(features={"a": 5}), "described by something else"),
        (theirs.description(data_path="../../{chunk_index}/{file_index}"), "leads out"),
        (theirs.description(data_path="/etc/passwd"), "leads out"),
        (theirs.description(data_path="data/{chunk_index.__class__}"), "not LeRobot's"),
        (theirs.description(data_path="data/{chunk_index:0999999999d}"), "not LeRobot's"),
        (features(observation__images__top={"shape": [10**9, 10**9, 3]}), "pixels a side"),
        (features(observation__images__top={"shape": 7}), "does not describe"),
        (features(observation__state={"shape": [10**12]}), "of the size"),
        (features(observation__images__top={"info": {"camera": {"intrinsics": 1, "cam2world": 2}}}), "3 x 3"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused_with_a_sentence(store, tmp_path, info, sentence):
    folder = theirs.write_set(tmp_path / "t", info)
    with pytest.raises(DemonstrationError, match=sentence):
        import_lerobot(store, folder)
    assert_untouched(store)


def bomb(side: int) -> dict:
    """A PNG of a few bytes that says it is ``side`` x ``side``."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return {"bytes": b"\x89PNG\r\n\x1a\n" + body, "path": None}


def replaced(column, value, at=9):
    """The data with one image replaced in the second episode, when the first has been read already."""
    cells = theirs.columns()[column].to_pylist()
    return {column: pa.array([value if k == at else cell for k, cell in enumerate(cells)], theirs.IMAGE)}


@pytest.mark.parametrize(
    "data, sentence",
    [
        (replaced(COLOUR, bomb(50_000)), "cannot be decoded|50000 x 50000"),
        (replaced(DEPTH, bomb(4096)), "4096 x 4096"),
        (replaced(COLOUR, {"bytes": b"GIF89a", "path": None}), "cannot be decoded"),
        (replaced(COLOUR, {"bytes": None, "path": "/etc/passwd"}), "not followed"),
        (replaced(COLOUR, theirs.encoded(theirs.millimetres(0))), "I;16, not"),
        ({"observation.state": pa.array([[0.0] * 8] * 10)}, "not of length 1"),
        ({"observation.state": pa.array([[float("nan")] * 8] * 10)}, "not finite"),
        ({"observation.state": pa.array(["x"] * 10)}, "does not hold"),
        ({"observation.state": pa.array([[1.0] * 5] * 10)}, "does not hold"),
        ({"frame_index": pa.array([0] * 10)}, "does not count its frames"),
        ({"episode_index": pa.array([0] * 10)}, "does not count its frames"),
        ({"episode_index": pa.array(["0"] * 10)}, "0 of its 6 frames"),
        ({COLOUR: pa.array([1] * 10)}, "not in the set's file"),
    ],
)
def test_data_that_are_not_what_they_claim_leave_the_set_as_it_was(store, tmp_path, data, sentence):
    folder = theirs.write_set(tmp_path / "t", data=theirs.columns() | data)
    with pytest.raises(DamagedFileError, match=sentence):
        import_lerobot(store, folder)
    assert_untouched(store)


@pytest.mark.parametrize(
    "listed, sentence",
    [
        (theirs.listing(length=[6, 2**40]), "whole numbers"),
        (theirs.listing(length=[6, 30_000]), "20000 are read"),
        (theirs.listing(length=[6, 5]), "4 of its 5 frames"),
        (theirs.listing(episode_index=[0, 5]), "not numbered"),
        (theirs.listing(tasks=[["a"], [""]]), "instruction"),
        (theirs.listing(tasks=[["a"], ["b" * 5000]]), "instruction"),
        (theirs.listing(**{"data/file_index": [0, 99]}), "file-099.parquet is missing"),
        ({"episode_index": [0]}, "lacks the columns"),
    ],
)
def test_a_list_of_episodes_that_cannot_be_true_is_refused(store, tmp_path, listed, sentence):
    folder = theirs.write_set(tmp_path / "t", listed=listed)
    with pytest.raises(DamagedFileError, match=sentence):
        import_lerobot(store, folder)
    assert_untouched(store)


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda d: (d / DATA).write_bytes((d / DATA).read_bytes()[:-99]), "cut off"),
        (lambda d: (d / "meta/info.json").unlink(), "info.json is missing"),
        (lambda d: (d / "meta/info.json").write_text("[" * 100_000), "not that of a LeRobot set"),
        (lambda d: shutil.rmtree(d / "meta/episodes"), "lists no episode"),
        (lambda d: [(d / DATA).unlink(), (d / DATA).symlink_to("/etc/passwd")], "leads out"),
        (lambda d: pq.write_table(pa.table(theirs.columns()).drop_columns([DEPTH]), d / DATA), "lacks the columns"),
    ],
)
def test_damaged_files_leave_the_set_as_it_was(store, tmp_path, damage, sentence):
    folder = theirs.write_set(tmp_path / "t")
    damage(folder)
    with pytest.raises(DamagedFileError, match=sentence):
        import_lerobot(store, folder)
    assert_untouched(store)
    assert len(import_lerobot(store, theirs.write_set(tmp_path / "whole"))) == 2


def test_a_damaged_set_of_ours_is_refused_whole(store, tmp_path):
    with DemonstrationStore.open(tmp_path / "other") as other:
        record(other, 6)
        record(other, 6, first=3)
    path = tmp_path / "other" / "data/chunk-000/file-001.parquet"
    whole = path.read_bytes()
    pq.write_table(pq.read_table(path).slice(0, 3), path)
    with pytest.raises(DamagedFileError, match=r"not whole.*not those that were written"):
        import_lerobot(store, tmp_path / "other")
    path.write_bytes(whole[:-50])
    with pytest.raises(DamagedFileError, match="cut off"):
        import_lerobot(store, tmp_path / "other")
    assert_untouched(store)


def test_a_set_of_other_cameras_or_rate_is_refused_before_it_is_read(store, tmp_path):
    mine = record(store, 5)
    folder = theirs.write_set(tmp_path / "t")
    (folder / DATA).write_bytes(b"never opened")
    with pytest.raises(SetMismatchError, match="new folder"):
        import_lerobot(store, folder)
    assert [entry.id for entry in store.episodes()] == [mine.id]


def test_a_set_that_is_open_for_viewing_takes_nothing(tmp_path):
    DemonstrationStore.open(tmp_path / "set").close()
    with DemonstrationStore.open(tmp_path / "set", read_only=True) as viewed, pytest.raises(ReadOnlyError):
        import_lerobot(viewed, theirs.write_set(tmp_path / "t"))
