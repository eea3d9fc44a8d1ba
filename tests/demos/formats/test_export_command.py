"""``python -m demos``: the commands that list, check, import, export and publish."""

from __future__ import annotations

import pytest

from demos.__main__ import main
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import record
from tests.support.rlbench_files import write_demo


@pytest.fixture
def folder(tmp_path):
    with DemonstrationStore.open(tmp_path / "set") as store:
        record(store, 5)
        record(store, 6, first=3)
    return tmp_path / "set"


def test_a_set_goes_out_and_comes_in_again(folder, tmp_path, capsys):
    assert main([str(folder), "list"]) == 0
    first, second, total = capsys.readouterr().out.splitlines()
    assert "5 frames  success  human   put the red block in the cup" in first and total.startswith("2 episodes")
    identity = second.split()[0]
    assert main([str(folder), "export", str(tmp_path / "out"), identity]) == 0
    assert main([str(tmp_path / "new"), "import", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert main([str(tmp_path / "new"), "list"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith(identity)


def test_demonstrations_of_rlbench_come_in_all_or_none(tmp_path, capsys):
    episodes = tmp_path / "close_jar" / "variation0" / "episodes"
    for number in range(2):
        write_demo(episodes / f"episode{number}")
    arguments = [str(tmp_path / "new"), "import", str(tmp_path / "close_jar")]
    states = episodes / "episode1" / "low_dim_obs.pkl"
    whole = states.read_bytes()
    states.write_bytes(whole[:-20])
    assert main(arguments) == 1 and "low_dim_obs.pkl" in capsys.readouterr().err
    assert main([str(tmp_path / "new"), "list"]) == 0 and capsys.readouterr().out.startswith("0 episodes")
    states.write_bytes(whole)
    assert main(arguments) == 0 and "close the red jar\n2 episodes" in capsys.readouterr().out


def test_the_check_says_what_is_damaged_and_changes_nothing(folder, capsys):
    assert main([str(folder), "check", "--deep"]) == 0
    path = folder / "data/chunk-000/file-001.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    assert main([str(folder), "check"]) == 1
    assert "file-001.parquet is cut off" in capsys.readouterr().out and path.exists()


def test_a_dry_run_prints_the_card_and_the_sizes(folder, capsys):
    assert main([str(folder), "push", "jane/blocks", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "task_categories" in out and "README.md" in out and "would go to jane/blocks" in out


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["push", "blocks", "--dry-run"], "owner/name"),
        (["export", "out", "no-such"], "no-such"),
        (["import", "nowhere"], "There is no folder nowhere"),
        (["import", "set/data"], "neither a LeRobot set"),
    ],
)
def test_what_fails_is_a_sentence(folder, tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main([str(folder), *arguments]) == 1
    assert sentence in capsys.readouterr().err
    assert main([str(tmp_path / "absent"), "list"]) == 1 and not (tmp_path / "absent").exists()
