"""The names of ``import clap``, and the examples, which use them as a newcomer would."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import clap

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LONGEST = 50

ARGUMENTS = {"observe": ["views.png"], "record": ["recordings"], "run_policy": ["--scenes", "1"]}
SAYS = {
    "observe": "points inside the workspace",
    "plan": "verdict: allow",
    "run_policy": "1 of 1",
    "record": "success, keyframes at",
    "add_a_policy": "steps done: 1",
}


@pytest.mark.parametrize("name", clap.__all__)
def test_every_public_name_is_there_and_belongs_to_the_module_it_is_loaded_from(name):
    value = getattr(clap, name)
    assert getattr(value, "__module__", "clap.").startswith("clap.")
    assert name in dir(clap)


def test_what_a_type_checker_sees_is_what_is_loaded():
    tree = ast.parse((ROOT / "clap" / "__init__.py").read_text("utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (statement.module, alias.name)
        for statement in checked.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == {(module, name) for name, module in clap.MODULE_OF.items()}
    assert sorted(clap.__all__) == sorted(clap.MODULE_OF)


def test_another_name_is_refused_as_of_any_module():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        clap.nonsense  # noqa: B018


def test_there_are_five_short_examples():
    assert {path.stem for path in EXAMPLES} == set(SAYS)
    for path in EXAMPLES:
        assert len(path.read_text("utf-8").splitlines()) < LONGEST, path.name


@pytest.mark.parametrize("name", sorted(SAYS))
def test_an_example_runs_from_a_clone(name, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"examples.{name}", *ARGUMENTS.get(name, [])]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    assert SAYS[name] in ran.stdout
