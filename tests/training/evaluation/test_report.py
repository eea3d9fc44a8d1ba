"""The report: one HTML page that is well formed, says the same numbers as the summary, and stays small."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clap.geometry.observation import CameraFrame
from clap.worlds.tabletop.tasks import TASK_KEYS, task_infos
from training.commands.report import main
from training.evaluation.episode_job import KEY_FIELDS
from training.evaluation.failure_bars import COLORS
from training.evaluation.failure_classes import CLASSES
from training.evaluation.filmstrip import HEIGHT, PREDICTED, WANTED, Shot, filmstrip
from training.evaluation.rates import difference, wilson
from training.evaluation.reported_run import ReportedRun, choose_filmstrips, paper_table3, strip_file
from training.evaluation.results import strip_name, strips_folder
from training.evaluation.step_facts import StepFacts
from training.evaluation.summary import summary

VOID = {"meta", "img", "br"}
SIZE, FOCAL = 96, 80.0


class Page(HTMLParser):
    """Parses a page and checks that every element is closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.images, self.tags = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def frame():
    """A grey picture of a camera that looks along +x from the origin."""
    cam2world = np.eye(4)
    cam2world[:3, :3] = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])
    intrinsics = np.array([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1.0]])
    rgb = np.full((SIZE, SIZE, 3), 90, np.uint8)
    return CameraFrame("front", rgb, np.ones((SIZE, SIZE), np.float32), intrinsics, cam2world, 0.0)


def record(policy, task, condition, seed, fault):
    good = {"wanted": "the robot grasps the <red> block", "subtask": 0, "plan_right": True, "step_right": True}
    facts = StepFacts("the robot grasps the <red> block", **good, keypoint_px=1.5, position_mm=4.0, rotation_deg=2.0)
    return {
        **dict(zip(KEY_FIELDS, (policy, "abc", "four", "on", task, condition, seed), strict=True)),
        "instruction": "put <it> there & then",
        "success": fault is None,
        "failure": None,
        "fault": fault and {"name": fault, "step": 0, "why": "because of <this>"},
        "facts": [facts.as_json()],
        "corrections": [],
        "seconds": 1.0,
    }


def write_run(folder, policy, faults):
    """A run with one failure of every given class in turn; its films are small real pictures."""
    seeds = [10000, 10001, 11000]
    cells = [(task, condition) for task in TASK_KEYS for condition in ("none", "distractors")]
    records = [
        record(policy, *cell, seed, faults[k % len(faults)] if seed == 10001 else None)
        for k, cell in enumerate(cells)
        for seed in seeds
    ]
    path = folder / f"{policy}.json"
    path.write_text(json.dumps(summary(records, {info.key: info for info in task_infos()}, "the <command>")))
    path.with_suffix(".jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    strips_folder(path).mkdir()
    for one in records:
        if one["fault"]:
            (strips_folder(path) / strip_name(one)).write_bytes(filmstrip([Shot(frame())]))
    return path


@pytest.fixture
def runs(tmp_path):
    return write_run(tmp_path, "clap", [None, "grasp", *CLASSES]), write_run(tmp_path, "rvt2", ["wrong object"])


def test_the_report_of_two_runs_shows_rates_classes_films_and_commands(tmp_path, runs):
    out = tmp_path / "report"
    assert main([str(runs[0]), "--compare", f"the baseline={runs[1]}", "--out", str(out)]) == 0
    page = Page((out / "index.html").read_text("utf-8"))
    words = " ".join(page.text)
    for expected in (
        "the baseline",
        "the <command>",
        "wrong object",
        "because of <this>",
        "paper 60 %",
        "10000 to 10001",
    ):
        assert expected in words
    assert page.tags.count("svg") == 4 and "script" not in page.tags
    assert len(page.images) == len(set(page.images)) == 14 + 16
    assert all((out / image).read_bytes()[:4] == b"RIFF" for image in page.images)
    first = ReportedRun.load(str(runs[0]))
    text = (out / "README.md").read_text("utf-8")
    assert f"{first.summary['overall']['successes']}/48" in text and "the baseline" in text
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 3e6


def test_the_first_decisions_have_a_column_of_their_own_if_they_were_counted(tmp_path, runs):
    out, counted = tmp_path / "report", json.loads(runs[0].read_text())
    counted["accuracy"]["none"] |= {"keypoints_first_close": 0.123, "keypoints_close": 0.456}
    del counted["accuracy"]["distractors"]["keypoints_first_close"]
    runs[0].write_text(json.dumps(counted))
    assert main([str(runs[0]), "--out", str(out)]) == 0
    assert "| 12.3 % | 45.6 % |" in (out / "README.md").read_text("utf-8")
    assert "| – | 100.0 % |" in (out / "README.md").read_text("utf-8")
    words = [word for word in map(str.strip, Page((out / "index.html").read_text("utf-8")).text) if word]
    assert words[words.index("12.3 %") + 1] == "45.6 %"


def test_a_second_report_leaves_no_films_of_the_first(tmp_path, runs):
    out = tmp_path / "report"
    assert main([str(runs[0]), "--out", str(out)]) == 0
    before = set(out.rglob("*.webp"))
    assert main([str(runs[1]), "--out", str(out)]) == 0
    assert before and not before & set(out.rglob("*.webp"))


def test_a_reports_runs_are_evaluations_of_which_a_report_can_be_made_in_the_same_place(tmp_path, runs):
    out = tmp_path / "report"
    assert main([str(runs[0]), "--compare", f"CLAP={runs[0]}", str(runs[1]), "--out", str(out)]) == 0
    kept = [out / "runs" / name for name in ("clap.json", "clap-2.json", "rvt-2.json")]
    first = ReportedRun.load(str(kept[0]))
    assert first.summary == ReportedRun.load(str(runs[0])).summary
    films = sorted(out.rglob("*.webp"))
    assert [strip_file(first, record).exists() for record in first.failures].count(True) == len(first.failures) > 0
    assert main([str(kept[0]), "--compare", *map(str, kept[1:]), "--out", str(out)]) == 0
    assert sorted(out.rglob("*.webp")) == films


def test_a_small_budget_still_shows_a_film_of_every_run(runs):
    loaded = [ReportedRun.load(str(path)) for path in runs]
    size = max(strip_file(run, record).stat().st_size for run in loaded for record in run.failures)
    chosen = choose_filmstrips(loaded, 3, 20 * size)
    assert {run.label for run, _ in chosen} == {"CLAP", "RVT-2"}
    assert sum(strip_file(run, record).stat().st_size for run, record in chosen) <= 20 * size
    assert choose_filmstrips(loaded, 0, 20 * size) == []


def test_records_of_other_weights_do_not_enter_a_run(runs):
    lines = runs[0].with_suffix(".jsonl")
    other = {**record("clap", "open_drawer", "none", 10000, "grasp"), "model": "other"}
    before = len(ReportedRun.load(str(runs[0])).failures)
    lines.write_text(lines.read_text() + json.dumps(other) + "\n")
    assert len(ReportedRun.load(str(runs[0])).failures) == before


@pytest.mark.parametrize(
    ("content", "words"), [("nothing", "cannot be read"), ("[]", "lacks"), ('{"cells": []}', "it lacks accuracy")]
)
def test_a_file_that_is_no_summary_is_answered_with_a_sentence(tmp_path, capsys, content, words):
    path = tmp_path / "x.json"
    path.write_text(content)
    assert main([str(path), "--out", str(tmp_path / "report")]) == 2
    assert words in capsys.readouterr().err


def test_the_papers_table_has_its_printed_averages():
    figures = paper_table3()
    for policy, printed in (("CLAP", (87.5, 73.1, 70.0, 78.7)), ("RVT2", (36.2, 25.0, 22.5, 6.2))):
        assert set(figures[policy]) == set(TASK_KEYS)
        columns = np.array(list(figures[policy].values())).mean(0)
        np.testing.assert_allclose(columns, printed, atol=0.06)


def test_every_class_has_a_colour_of_its_own():
    assert set(COLORS) == set(CLASSES)
    assert len(set(COLORS.values())) == len(CLASSES)


counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_the_interval_of_a_difference_holds_it_and_mirrors(first, second):
    a, b = ({"successes": k, "episodes": n, "interval": wilson(k, n)} for k, n in (first, second))
    apart, low, high = difference(a, b)
    assert -1 - 1e-9 <= low <= apart + 1e-9 and apart - 1e-9 <= high <= 1 + 1e-9
    assert difference(b, a) == pytest.approx((-apart, -high, -low))


def test_the_interval_of_a_difference_for_newcombes_own_example():
    a, b = ({"successes": k, "episodes": n, "interval": wilson(k, n)} for k, n in ((56, 70), (48, 80)))
    assert difference(a, b) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_a_film_strip_marks_the_keypoints_where_the_camera_sees_them():
    ahead, to_the_left = np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.3, 0.0])
    strip = filmstrip([Shot(frame(), predicted=ahead, wanted=to_the_left), Shot(frame(), predicted=-ahead)])
    picture = np.asarray(Image.open(BytesIO(strip)).convert("RGB"), int)
    assert picture.shape[0] == HEIGHT and picture.shape[1] > 2 * HEIGHT
    scale = HEIGHT / SIZE
    for colour, u in ((PREDICTED, SIZE / 2), (WANTED, SIZE / 2 - 0.3 * FOCAL)):
        near = np.argwhere(np.abs(picture[:, :HEIGHT] - np.array(colour)).sum(-1) < 150)
        assert len(near)
        np.testing.assert_allclose((near.min(0) + near.max(0)) / 2, [scale * SIZE / 2, scale * u], atol=4)
