"""A robot's YAML file: the annotated example, and what is said about every kind of mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import clap.worlds.robot
from clap.errors import ClapError
from clap.geometry.frames import Workspace
from clap.worlds.robot.config import BoardConfig, Mount, RobotConfig, Source, load
from clap.worlds.robot.errors import RobotConfigError

EXAMPLE = Path(clap.worlds.robot.__file__).with_name("example.yaml")
SMALLEST = """
arm:
  address: "172.16.0.2"
cameras:
  - name: front
    serial: "0123"
"""


@pytest.fixture
def loaded(tmp_path):
    def load_text(text: str | bytes) -> RobotConfig:
        path = tmp_path / "robot.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path)

    return load_text


def test_the_example_says_what_is_the_case_without_it(tmp_path, loaded):
    example = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    example["cameras"][0]["serial"] = "0123"
    assert loaded(yaml.safe_dump(example)) == loaded(SMALLEST)
    assert load(EXAMPLE).bounds.workspace == Workspace()


def test_paths_are_taken_from_the_files_folder(tmp_path, loaded):
    assert loaded(SMALLEST).recordings == tmp_path / "recordings"
    assert loaded(SMALLEST).calibration.folder == tmp_path / "calibration"
    given_paths = loaded(SMALLEST + "recordings: /elsewhere/x\ncalibration: {folder: cal}\n")
    assert given_paths.recordings == Path("/elsewhere/x") and given_paths.calibration.folder == tmp_path / "cal"
    assert loaded(SMALLEST + "recordings: off\n").recordings is None


def test_everything_can_be_said(loaded):
    config = loaded(
        SMALLEST
        + """
  - {name: wrist, serial: "w", source: playback, file: a.db3, repeat: true, mount: hand, filters: {spatial: true}}
bounds:
  keep_out: [{name: stand, low: [0, 0, 1], high: [0.1, 0.1, 1.5]}]
limits: {tool_speed: 0.2}
"""
    )
    wrist = config.camera("w")
    assert wrist is not None and wrist.mount is Mount.HAND and wrist.source is Source.PLAYBACK and wrist.filters.spatial
    assert config.bounds.keep_out[0].high == (0.1, 0.1, 1.5) and config.limits.tool_speed == 0.2
    assert config.camera("unknown") is None


MISTAKES = {
    "unknown key": ("limits: {tool_sped: 0.1}", r"limits\.tool_sped: there is no such key; did you mean tool_speed\?"),
    "far from any": ("qqq: 1", r"line 7: qqq: there is no such key; known are: arm, cameras, .*recordings"),
    "twice": ("bounds: {}\nbounds: {}", r"line 8: bounds is given twice, first in line 7"),
    "text for a number": ("limits: {tool_speed: fast}", r"limits\.tool_speed: expected a number, found 'fast'"),
    "true for a number": ("limits: {tool_speed: true}", r"expected a number, found True"),
    "infinite": ("limits: {tool_speed: .inf}", r"expected a finite number"),
    "too fast": ("limits: {tool_speed: 2}", r"line 7: limits: tool_speed is from 0 to 0\.25 m/s, not 2"),
    "two corners": (
        "bounds: {workspace: {low: [0, 0]}}",
        r"low: expected a list of 3 values, found \[0, 0\]",
    ),
    "flat": ("bounds: {workspace: {low: [0, 0, 1], high: [1, 1, 1]}}", r"workspace needs low < high on every axis"),
    "in mm": ("bounds: {workspace: {low: [-300, -500, 600], high: [700, 500, 1600]}}", r"edges are from 0\.2 to 3 m"),
    "keep out": (
        "bounds: {keep_out: [{name: a, low: [0, 0, 0], high: [1, 0, 1]}]}",
        r"\[0\]: the box needs low",
    ),
    "list": ("bounds: [1]", r"bounds: expected keys with values below it, found \[1\]"),
    "path": ("recordings: 3", r"recordings: expected a path, found 3"),
    "alias": ("limits: &a {}\npolicy: *a", r"line 7: anchors, aliases and tags"),
    "tag": ("recordings: !!python/name:os.system", r"anchors, aliases and tags"),
    "dictionary": ("calibration: {board: {dictionary: 4X4_60}}", r"there is no dictionary 4X4_60, but 4X4_50"),
    "marker": ("calibration: {board: {marker_mm: 40}}", r"a marker \(40 mm\) is smaller than its square \(36 mm\)"),
    "large": (
        "calibration: {board: {columns: 12, rows: 12}}",
        r"needs 72 markers, and the dictionary 4X4_50 has 50",
    ),
    "not yaml": ("a: [1", r"is not valid YAML"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_key_and_what_was_expected(loaded, name):
    text, said = MISTAKES[name]
    with pytest.raises(RobotConfigError, match=said) as caught:
        loaded(SMALLEST + text + "\n")
    assert "example.yaml" in caught.value.next_move


CAMERA_MISTAKES = {
    "number": ("serial: 0123", r'cameras\[0\]\.serial: expected a text in quotes, such as "012345", found 83'),
    "none": ("{}", r"cameras\[0\]: the key serial is missing"),
    "mount": ('serial: "1"\n    mount: ceiling', r"mount: expected one of fixed, hand, found 'ceiling'"),
    "no file": ('serial: "1"\n    source: playback', r"file is needed for source: playback"),
    "idle file": ('serial: "1"\n    file: a.db3', r"file is needed for source: playback, and only there"),
    "mode": ('serial: "1"\n    width: 64000', r"64000 x 360 at 30 Hz is no mode"),
    "way out": ('serial: "../1"', r"serial is made of letters, digits, - and _"),
    "whole": ('serial: "1"\n    fps: 29.97', r"fps: expected a whole number, found 29\.97"),
    "yes": ('serial: "1"\n    filters: {spatial: 1}', r"spatial: expected true or false, found 1"),
    "same": ('serial: "1"\n  - name: other\n    serial: "1"', r"two cameras have the same serial: 1, 1"),
    "five": (
        'serial: "a"' + "".join(f'\n  - {{name: c{k}, serial: "{k}"}}' for k in range(4)),
        r"has 1 to 4 cameras, not 5",
    ),
}


@pytest.mark.parametrize("name", CAMERA_MISTAKES)
def test_a_mistake_in_a_camera_is_named(loaded, name):
    text, said = CAMERA_MISTAKES[name]
    start = SMALLEST[: SMALLEST.index("serial")]
    text = start[: start.rindex("\n")] if text == "{}" else start + text
    with pytest.raises(RobotConfigError, match=said):
        loaded(text + "\n")


def test_a_file_that_is_no_configuration_is_refused(tmp_path, loaded):
    with pytest.raises(RobotConfigError, match="cannot be read"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(RobotConfigError, match="larger than 64 kB"):
        loaded("# " + "x" * 70_000)
    with pytest.raises(RobotConfigError, match="not a text file"):
        loaded(b"\xff\xfe\x00")
    with pytest.raises(RobotConfigError, match="the key arm is missing"):
        loaded("")
    with pytest.raises(RobotConfigError, match="more than 16 levels deep"):
        loaded("[" * 30_000)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("arm", "cameras", "calibration", "bounds", "limits", "policy", "recordings")


@given(key=st.sampled_from(KEYS), value=JUNK)
def test_whatever_stands_there_is_either_read_or_refused_with_a_sentence(tmp_path_factory, key, value):
    content = yaml.safe_load(SMALLEST)
    content[key] = value
    path = tmp_path_factory.getbasetemp() / "junk.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    try:
        load(path)
    except ClapError as error:
        assert isinstance(error, RobotConfigError)


def test_the_default_board_fits_an_a4_page():
    board = BoardConfig()
    assert board.columns * board.square_mm <= 200 and board.rows * board.square_mm <= 270
