"""The console's benchmark: what is counted, and that using the console leaves no thread, file or socket behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from training.benchmarks.console import command, served
from training.benchmarks.console.soak import Sample, Soak
from training.benchmarks.measure import SectionUnavailable


def sample(seconds: float, mib: float) -> Sample:
    return Sample(seconds, mib, mib, mib, (8, 8), (20, 10), (4, 1))


def test_growth_is_counted_from_the_given_moment_between_medians():
    samples = [sample(30.0 * k, 100 if k < 20 else 200) for k in range(20)]
    samples += [sample(600 + 30.0 * k, mib) for k, mib in enumerate((200, 200, 900, 200, 200, 210, 210, 210, 1, 210))]
    assert Soak(1, samples, []).growth("server_mib", 600) == pytest.approx(0.05)
    assert Soak(1, samples, []).growth("server_mib", 0) == pytest.approx(1.1)


def test_the_spread_names_percentiles_and_how_many_there_are():
    assert command.spread([float(k) for k in range(1, 101)]) == "p50 50, p95 95, p99 99, max 100 ms (100)"
    assert command.spread([]) == "never" and command.spread([7.0]) == "7 ms"


def test_a_process_is_counted_with_its_threads_files_and_children():
    code = "import socket, time; s = socket.socket(); f = open('/dev/null'); print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        files, sockets = served.descriptors(process.pid)
        assert served.threads(process.pid) == 1 and sockets == 1 and files >= 4
        assert 2 < served.resident_mib(process.pid) < 200
        process.kill()


def test_a_program_that_does_not_start_is_told_with_its_own_words():
    words = r"(?s)did not start: .*unrecognized arguments: --nonsense"
    with pytest.raises(SectionUnavailable, match=words), served.console("--nonsense"):
        raise AssertionError("it started")
