"""Programs as their callers see them: exit code, one line of error, and silence when the reader leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack import ROOT, program

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
PROGRAM = """
import logging, sys, time
from greenops_core.errors import ConfigError, DeviceError
from greenops_telemetry.process import ended
def work():
    {}
sys.exit(ended("greenops-test", work))
"""


def run(work: str, reader: str = "cat", before: str = "") -> subprocess.CompletedProcess[str]:
    """What a program that does *work*, and *before* it something else, leaves, with *reader* behind its stdout."""
    command = [sys.executable, "-c", before + PROGRAM.format(work)]
    with (
        subprocess.Popen(["sh", "-c", reader], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as behind,
        subprocess.Popen(command, stdout=behind.stdin, stderr=subprocess.PIPE, text=True, env=BUFFERED) as child,
    ):
        assert behind.stdin is not None
        behind.stdin.close()
        assert child.stderr is not None
        assert behind.stdout is not None
        told, read = child.stderr.read(), behind.stdout.read()
    return subprocess.CompletedProcess(command, child.returncode, read, told)


@pytest.mark.parametrize(
    ("work", "code", "told"),
    [
        pytest.param("return 1", 1, "", id="the code of the work"),
        pytest.param("raise ConfigError('wrong', ('a',))", 2, "greenops-test: a: wrong\n", id="configuration"),
        pytest.param("raise DeviceError('deaf')", 1, "greenops-test: deaf\n", id="device"),
        pytest.param("raise KeyboardInterrupt", 0, "", id="Ctrl-C"),
        pytest.param("logging.getLogger('a').warning('b'); return 0", 0, "warning a: b\n", id="log"),
    ],
)
def test_each_end_has_its_code_and_its_words(work: str, code: int, told: str) -> None:
    done = run(work)
    assert (done.returncode, done.stderr) == (code, told)


@pytest.mark.parametrize(
    ("work", "code"),
    [
        pytest.param("time.sleep(0.3); print('x' * 100_000); return 1", 0, id="cut off"),
        pytest.param("time.sleep(0.3); print('x'); return 1", 1, id="at the end"),
        pytest.param("time.sleep(0.3); print('x'); sys.exit(0)", 0, id="help"),
        pytest.param("time.sleep(0.3); [print('x' * 100) for _ in range(10_000)]", 0, id="line by line"),
    ],
)
def test_a_reader_that_has_enough_is_no_error(work: str, code: int) -> None:
    done = run(work, "true")
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize(
    "work",
    [
        "time.sleep(0.3); print('x', flush=True)",
        "return asyncio.run(main())",
    ],
    ids=["alone", "from a task"],
)
def test_a_reader_that_leaves_a_program_of_tasks_is_no_error(work: str) -> None:
    tasks = """
import asyncio
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        await asyncio.sleep(0.3)
        print('x', flush=True)
"""
    done = run(work, "true", tasks)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_one_error_of_a_group_is_told_as_if_alone() -> None:
    done = run("raise ExceptionGroup('tasks', [ExceptionGroup('more', [DeviceError('deaf')])])")
    assert (done.returncode, done.stderr) == (1, "greenops-test: deaf\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("work", ["print('x')", "[print('x' * 100) for _ in range(10_000)]"])
def test_a_full_disk_is_told_in_words(work: str, unbuffered: str) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(work)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=BUFFERED | ({"PYTHONUNBUFFERED": unbuffered} if unbuffered else {}),
        )
    assert (done.returncode, done.stderr) == (1, "greenops-test: cannot write: No space left on device\n")


def test_another_broken_pipe_is_not_hidden() -> None:
    done = run("raise BrokenPipeError")
    assert done.returncode == 1
    assert done.stderr.endswith("BrokenPipeError\n")


@pytest.mark.parametrize(
    "command",
    [
        ("greenops-agent", "schema"),
        ("greenops-agent", "read"),
        ("greenops-gateway", "check", "gateway/gateway.yml"),
        ("greenops-gateway", "--help"),
        ("greenops-exporter", "factors"),
        ("greenops-alerting", "preview"),
        ("greenops-dashboards", "list"),
    ],
    ids=" ".join,
)
def test_every_program_is_silent_when_its_reader_leaves(command: tuple[str, ...]) -> None:
    name, *arguments = command
    with subprocess.Popen(
        [program(name), *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        told = child.stderr.read()
    assert child.returncode == 0
    assert "Broken" not in told
