"""The house rules: the tree keeps its shape, and what README, requirements and Makefile promise holds in it."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("clap", "training", "demos", "ui")
SOURCES = [ROOT / "app.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]
SOURCES = [path for path in SOURCES if path.exists() and "node_modules" not in path.parts]


def tracked_files() -> list[Path]:
    """The files that a clone would hold: those git tracks, and new ones that it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git clone: the tracked files are not known")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def requirements(name: str) -> dict[str, Requirement]:
    """The requirement lines of a file by package name; two lines for one package must differ in their marker."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    parsed = [Requirement(line) for line in lines if line and not line.startswith("-")]
    assert len({(r.name, str(r.marker)) for r in parsed}) == len(parsed)
    return {r.name: r for r in parsed}


def test_torch_is_one_release():
    assert str(requirements("requirements.txt")["torch"].specifier).startswith("==")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-robot.txt", "requirements-dev.txt"])
def test_every_requirement_names_its_lowest_version(name):
    for requirement in requirements(name).values():
        assert requirement.url is None, f"{requirement.name}: only plain packages, no addresses"
        assert any(s.operator in (">=", "==") for s in requirement.specifier), requirement.name


@pytest.mark.parametrize("absent", ["rlbench", "pyrep", "torchvision", "torchaudio"])
def test_packages_that_no_plain_install_can_give_are_not_required(absent):
    assert absent not in requirements("requirements.txt")


def third_party_imports(path: Path) -> set[str]:
    """Top-level names that a source file imports when it is imported itself or when a function of it runs."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - set(ROOMS) - {"app"}


# What a required package brings along by its own contract, and optional packages imported only where they are present.
BROUGHT_ALONG = dict.fromkeys(("fastapi", "starlette", "uvicorn", "websockets", "anyio", "httpx"), "gradio")
BROUGHT_ALONG["httpx2"] = "openai"
BROUGHT_ALONG["pydantic_core"] = "pydantic"
# matplotlib: only to rebuild the table of colour names; playwright: only to measure the console in a browser.
# rtde_control and rtde_receive: only where a UR arm is driven (clap/worlds/robot/arm/ur.py).
OPTIONAL = {"rlbench", "pyrep", "ray", "matplotlib", "playwright", "rtde_control", "rtde_receive", "dashboard_client"}
PACKAGE_OF_MODULE = {
    "PIL": "pillow",
    "franky_sim": "franky-sim",
    "franky": "franky-control",
    "open3d": "open3d-cpu",
    "axe_playwright_python": "axe-playwright-python",
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
}


def assert_imports_are_required(paths: list[Path], required: set[str]) -> None:
    for path in paths:
        for module in third_party_imports(path) - OPTIONAL:
            package = BROUGHT_ALONG.get(module, PACKAGE_OF_MODULE.get(module, module))
            assert package in required, f"{path.relative_to(ROOT)} imports {module}, which no requirement brings"


ROBOT = ROOT / "clap" / "worlds" / "robot"
"""What drives a real robot: it alone may need requirements-robot.txt."""


def test_every_import_is_a_requirement():
    always, with_robot = set(requirements("requirements.txt")), set(requirements("requirements-robot.txt"))
    assert_imports_are_required([path for path in SOURCES if ROBOT not in path.parents], always)
    assert_imports_are_required([path for path in SOURCES if ROBOT in path.parents], always | with_robot)


def test_every_import_of_the_tests_is_a_requirement():
    paths = sorted((ROOT / "tests").rglob("*.py"))
    own = (
        {path.stem for path in paths} | {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} | {"tests"}
    )
    files = ("requirements.txt", "requirements-robot.txt", "requirements-dev.txt")
    required = {package for file in files for package in requirements(file)}
    assert_imports_are_required(paths, required | own)


def test_the_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "    make run " in readme and "    make test " in readme


MOST_FILES, MOST_ENTRIES = 25, 16
LARGER_FOLDERS = {
    "docs/evaluation/runs": "generated",
    "tests/browser": "a file for each subject of the page, beside the five that they share",
}
"""Folders that may hold more files, and why; so may those below them."""


def test_no_folder_holds_more_than_can_be_read_at_a_glance():
    files = Counter(path.parent.relative_to(ROOT).as_posix() for path in tracked_files())
    for folder, count in files.items():
        excused = any(f"{folder}/".startswith(f"{larger}/") for larger in LARGER_FOLDERS)
        assert count <= MOST_FILES or excused, f"{folder} holds {count} files"


@pytest.mark.parametrize("room", [*ROOMS, "tests"])
def test_the_first_level_of_a_room_is_its_table_of_contents(room):
    parts = (path.relative_to(ROOT / room).parts for path in tracked_files() if (ROOT / room) in path.parents)
    entries = {first[0] for first in parts}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_no_line_of_javascript_is_too_long():
    for path in tracked_files():  # those of Python are ruff's to judge
        if path.suffix == ".js" and not path.name.endswith(".min.js"):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                assert len(line) <= 120, f"{path.relative_to(ROOT)}:{number} has {len(line)} characters"


def test_make_alone_lists_every_command():
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = re.search(r"^\.PHONY:(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert phony is not None
    for command in set(phony.group(1).split()) - {"install", "install-tests"}:
        assert f"make {command} " in listed.stdout


def test_imports_point_one_way():
    checker = Path(sys.executable).with_name("lint-imports")
    if not checker.exists():
        pytest.skip("import-linter is not installed beside this Python")
    checked = subprocess.run([checker, "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_every_json_file_is_valid():
    for path in tracked_files():
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        elif path.suffix == ".jsonl":
            for line in path.read_text("utf-8").splitlines():
                json.loads(line)


def test_nothing_is_left_unfinished():
    unfinished = re.compile("NotImplemented" + "Error|TO" + "DO|FIX" + "ME")
    for path in SOURCES:
        found = unfinished.search(path.read_text("utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found}"


UNPICKLER = ROOT / "demos" / "formats" / "restricted_unpickler.py"
"""The one file that may read pickles: of RLBench, with stand-ins for all that they name."""


def test_nothing_is_unpickled():
    unsafe = re.compile(
        r"\bpickle\.load|\bUnpickler\b|\bread_pickle\b|torch\.load\((?!.*weights_only=True)|allow_pickle=True"
        r"|^\s*(?:import|from) (?:_pickle|cloudpickle|dill|joblib|marshal|shelve|jsonpickle)\b"
        r"|yaml\.(?:unsafe_|full_)?load\(|yaml\.(?:Unsafe|Full)?Loader\b"
        r"|\.recv\(\)",  # a pipe of multiprocessing unpickles what recv() takes
        re.MULTILINE,
    )
    assert unsafe.search(UNPICKLER.read_text("utf-8")), "the exception is not needed any more"
    for path in SOURCES:
        found = None if path == UNPICKLER else unsafe.search(path.read_text("utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found}"


def test_no_file_names_a_machine_or_a_package_registry():
    suffixes = {"", ".py", ".md", ".txt", ".toml", ".json", ".sh", ".yml", ".yaml", ".cfg", ".js", ".css", ".html"}
    machine = re.compile(
        r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/|registry\.npmjs|files\.pythonhosted|pypi\.org/simple"
    )
    for path in tracked_files():
        if path.suffix in suffixes and path != Path(__file__).resolve():
            found = machine.search(path.read_text("utf-8", errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)}: {found}"


def test_scripts_are_executable():
    for path in [ROOT / ".ci" / "run", *(ROOT / "tools").glob("*.sh")]:
        assert os.access(path, os.X_OK), path.relative_to(ROOT)


def test_the_clone_stays_small():
    megabytes = sum(path.stat().st_size for path in tracked_files()) / 1e6
    assert megabytes < 65, f"the tracked files take {megabytes:.0f} MB"
