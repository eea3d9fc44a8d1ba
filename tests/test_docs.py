"""The documents: every command in them runs or tells why not here, every link leads somewhere, the README is short."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
MOST_BYTES = 7000
DOCUMENTS = [
    README,
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").glob("*.md") if not path.name.startswith("table2")),
    ROOT / "training" / "configs" / "README.md",
]
"""What people wrote; tables and reports that a command writes tell that command themselves."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}\S.*\n)+(?=\n|$)")
INLINE = re.compile(r"`([^`\n]+)`")
NAMED_FILE = re.compile(r"`((?:clap|ui|training|demos|tests|tools|examples|docs)/[\w./-]+)`")
PROGRAM = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:clap [a-z]|python -m [a-z]|accelerate launch |trackio |make\b)"
)

HOURS, HARDWARE, SERVES = "takes hours", "needs a robot", "serves until it is ended"
NOT_RUN = {
    "clap run": f"{SERVES}: tests/browser",
    "clap serve": f"{SERVES}: tests/clap/serving/test_serve.py",
    "clap robot": f"{HARDWARE}: tests/clap/worlds/robot/test_check.py, tests/clap/worlds/robot/test_calibration.py",
    "clap evaluate planner": f"{HOURS}: tests/training/evaluation/test_evaluate_planner.py",
    "clap evaluate": f"{HOURS}: tests/training/evaluation/test_evaluate.py",
    "clap report": "needs an evaluation of hours: tests/training/evaluation/test_report.py",
    "clap benchmark console": f"{HOURS}: tests/training/benchmarks/test_console_benchmark.py",
    "clap benchmark": "takes minutes on an idle machine: tests/training/benchmarks/test_benchmark.py",
    "clap retrain": f"{HOURS}: tests/training/retraining/test_retrain.py",
    "clap train closed-loop": f"{HOURS}: tests/training/experiments/test_closed_loop.py",
    "clap train data": f"{HOURS}: tests/training/data/test_generate.py",
    "clap train export-rvt2": "needs a training of hours: tests/training/baselines/test_rvt2.py",
    "clap train finetune-planner": "takes minutes and much memory: tests/training/finetuning/test_paper_configs.py",
    "clap train finetune-predictor": "takes minutes and much memory: tests/training/finetuning/test_paper_configs.py",
    "clap train planner": f"{HOURS}: tests/training/planner/test_train.py",
    "clap train predictor": f"{HOURS}: tests/training/predictor/test_train.py",
    "clap train recordings": "needs recordings: tests/training/data/test_recordings.py",
    "clap train rvt2": f"{HOURS}: tests/training/baselines/test_rvt2.py",
    "clap train table2": f"{HOURS}: tests/training/experiments/test_table2.py",
    "clap demos make-sample": "would replace the set that ships, in minutes",
    "python -m training.data.generate": f"{HOURS}: tests/training/data/test_generate.py",
    "python -m training.finetune_planner": "needs a GPU: tests/training/finetuning/test_finetune_planner.py",
    "python -m training.finetuning.train_predictor": "needs a GPU: tests/training/finetuning/test_paper_configs.py",
}
"""Commands that are not run here: why, and the tests that run them small. Their options are checked all the same."""

FOREIGN = {"trackio show": "a package's own command, which serves until it is ended"}


def blocks(text: str) -> list[str]:
    """The code blocks that hold commands: indented ones, and fences without a language or of a shell."""
    fenced = [body for language, body in FENCE.findall(text) if language in ("", "sh", "bash", "console")]
    return [*fenced, *INDENTED.findall(FENCE.sub("", text))]


def commands(path: Path) -> list[str]:
    """The commands that a document names, in blocks and in running text, without comments and variables."""
    text = path.read_text("utf-8")
    lines = [line.strip() for block in blocks(text) for line in block.splitlines()]
    named = [line for line in [*lines, *INLINE.findall(FENCE.sub("", text))] if PROGRAM.match(line)]
    return list(dict.fromkeys(plain(line) for line in named))


def plain(line: str) -> str:
    """A command without comment, environment variables and the virtual environment's path."""
    line = re.split(r"\s+#", line)[0].removesuffix(" ...").strip()
    line = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line).replace(".venv/bin/", "")
    return line.replace("accelerate launch -m", "python -m")


EVERY = [(path, command) for path in DOCUMENTS for command in commands(path)]
TOLD = [command for _, command in EVERY if command.startswith(("clap ", "python -m "))]

ASK_ALL = """
import contextlib, io, json, runpy, shlex, sys
from ui.command_line import main

def told(words):
    sys.argv = [*words, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        try:
            if words[0] == "clap":
                main()
            else:
                sys.argv = [words[2], *words[3:], "--help"]
                runpy.run_module(words[2], run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            return [ended.code or 0, out.getvalue()]

print(json.dumps({command: told(shlex.split(command)) for command in json.loads(sys.argv[1])}))
"""
"""One process for all, which loads torch once. Help is asked for last: what stands before it is parsed first."""


@pytest.fixture(scope="module")
def helped() -> dict[str, tuple[int, str]]:
    asked = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK_ALL, json.dumps(sorted(set(TOLD)))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert asked.returncode == 0, asked.stderr
    answers: dict[str, tuple[int, str]] = json.loads(asked.stdout.splitlines()[-1])
    return answers


def test_the_documents_name_commands():
    assert len(TOLD) > 40
    assert {path.name for path, _ in EVERY} >= {"README.md", "CONTRIBUTING.md", "operating.md", "robot.md"}


@pytest.mark.parametrize("command", sorted(set(TOLD)))
def test_a_command_is_one_and_has_the_options_that_the_document_gives_it(command, helped):
    code, text = helped[command]
    assert code == 0, text
    for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", command):
        assert option in text, f"{command}: there is no {option}"


SAMPLE = "demos/sample_set"
RUN = {
    "clap demos demos/sample_set list": "episodes",
    "clap demos demos/sample_set check --deep": "6 episodes open",
    "clap demos demos/sample_set export TARGET": "",
    "clap demos demos/sample_set push OWNER/NAME --dry-run": "OWNER/NAME",
    "clap demos recordings import SOURCE": "",
}
"""Commands that are run as they stand, names in capitals replaced, and what they say."""


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("documents")
    return {"TARGET": str(folder / "exported"), "SOURCE": SAMPLE, " recordings ": f" {folder / 'recordings'} "}


@pytest.mark.parametrize("command", RUN)
def test_a_command_runs(command, places):
    assert command in TOLD, "no document names it any more"
    written = command
    for name, place in places.items():
        written = written.replace(name, place)
    _, *arguments = shlex.split(written)
    program = [sys.executable, "-W", "ignore", "-m", "ui.command_line", *arguments]
    ran = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert RUN[command] in ran.stdout


@pytest.mark.parametrize(("path", "command"), EVERY, ids=[f"{path.name}-{command}" for path, command in EVERY])
def test_a_command_is_run_or_it_is_said_why_not(path, command):
    if command.startswith("make"):
        target = re.match(r"make ?([a-z-]*)", command)
        assert target is not None
        listed = (ROOT / "Makefile").read_text("utf-8")
        assert not target.group(1) or re.search(rf"^{target.group(1)}:", listed, re.MULTILINE), command
    elif command not in RUN:
        assert any(command.startswith(known) for known in (*NOT_RUN, *FOREIGN)), f"{path.name}: {command}"


def test_the_list_of_what_is_not_run_is_of_today():
    every = [command for _, command in EVERY]
    for known, reason in {**NOT_RUN, **FOREIGN}.items():
        assert any(command.startswith(known) for command in every), f"no document names {known}"
        for file in re.findall(r"tests/\S+?(?=,|$)", reason):
            assert (ROOT / file).exists(), file


def test_the_readmes_python_runs(tmp_path):
    (code,) = [body for language, body in FENCE.findall(README.read_text("utf-8")) if language == "python"]
    assert len(code.splitlines()) <= 12
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    assert "success: True" in ran.stdout


def test_the_readme_is_short():
    assert len(README.read_bytes()) <= MOST_BYTES


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """All anchors of a document."""
    text = FENCE.sub("", path.read_text("utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    text = FENCE.sub("", path.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{path.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{path.name}: {target}"


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_files_that_are_named_exist(path):
    for name in NAMED_FILE.findall(path.read_text("utf-8")):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


def rows(path: Path) -> set[str]:
    """The rows of a document's tables, without their first column."""
    lines = path.read_text("utf-8").splitlines()
    return {line.split("|", 2)[2].strip() for line in lines if re.match(r"\|.*\d+/\d+", line)}


@pytest.mark.parametrize("generated", ["README.md", "docs/table2.md", "docs/table2_full.md"])
def test_a_figure_stands_in_the_evaluation_as_it_was_generated(generated):
    told = rows(ROOT / generated)
    assert told
    assert told <= rows(ROOT / "docs" / "evaluation.md")
