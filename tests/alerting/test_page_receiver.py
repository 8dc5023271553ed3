"""The shipped receiver: pages in plain words, and nothing that is sent to it ends it."""

from __future__ import annotations

import http.client
import io
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from greenops_alerting import rules
from greenops_alerting.page import decode, words
from greenops_alerting.preview import preview
from greenops_alerting.receiver import LARGEST_BODY, Printer
from greenops_alerting.rules import Links
from stack import Service, free_port, program, running

NOW = datetime(2026, 2, 11, 12, 5, tzinfo=UTC)


def body(name: str = "EmissionLimitExceeded", status: str = "firing", **labels: str) -> bytes:
    alert = {
        "status": status,
        "labels": {
            "alertname": name,
            "severity": "page",
            "site": "north",
            "stack": "s1",
            "parameter": "nox",
            "averaging": "1h",
        }
        | labels,
        "annotations": {
            "summary": "An emission average is over its limit.",
            "description": "nox at north/s1: the 1h average of 63.2 mg/m3 is 26.4% (13.2 mg/m3) over the limit "
            "of 50 mg/m3.",
            "average": "63.2 mg/m3",
            "limit": "50 mg/m3",
            "over": "26.4% (13.2 mg/m3)",
            "data": "valid now",
            "runbook_url": "https://x/EmissionLimitExceeded.md",
            "dashboard_url": "https://g/d/x",
        },
        "startsAt": "2026-02-11T12:00:00Z",
        "endsAt": "2026-02-11T12:04:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
    }
    return json.dumps({"version": "4", "alerts": [alert]}).encode()


PAGE = """\
2026-02-11 12:05:00 UTC  FIRING PAGE EmissionLimitExceeded
    what       An emission average is over its limit.
               nox at north/s1: the 1h average of 63.2 mg/m3 is 26.4% (13.2 mg/m3) over the limit of 50 mg/m3.
    where      site north, stack s1, parameter nox
    period     1h
    average    63.2 mg/m3
    limit      50 mg/m3
    over by    26.4% (13.2 mg/m3)
    data       valid now
    since      2026-02-11 12:00:00 UTC (for 5 min)
    runbook    https://x/EmissionLimitExceeded.md
    dashboard  https://g/d/x
"""
RESOLVED = """\
2026-02-11 12:05:00 UTC  RESOLVED PAGE EmissionLimitExceeded
    was        An emission average is over its limit.
    where      site north, stack s1, parameter nox
    period     1h
    since      2026-02-11 12:00:00 UTC (over after 4 min)
"""


def test_a_page_in_plain_words() -> None:
    assert words(decode(body()), NOW) == PAGE


def test_a_page_without_a_dashboard_has_no_line_for_it() -> None:
    without = body().replace(b', "dashboard_url": "https://g/d/x"', b"")
    assert words(decode(without), NOW) == PAGE.replace("    dashboard  https://g/d/x\n", "")


def test_what_is_over_is_told_without_the_numbers_of_its_time() -> None:
    assert words(decode(body(status="resolved")), NOW) == RESOLVED


def test_labels_cannot_move_the_cursor_or_add_lines() -> None:
    text = words(decode(body(site="a\x1b[2J\nFIRING everything")), NOW)
    assert "site a?[2J FIRING everything" in text
    assert text.count("\n") == PAGE.count("\n")


def test_heartbeats_are_one_line_an_hour() -> None:
    times = iter((0.0, 60.0, 3599.0, 3600.0, 7000.0))
    out = io.StringIO()
    printer = Printer(out, lambda: next(times))
    for _ in range(5):
        printer.take(body("Watchdog"))
    assert out.getvalue() == (
        "1970-01-01 00:00:00 UTC  alerting is alive (told once an hour)\n"
        "1970-01-01 01:00:00 UTC  alerting is alive (told once an hour)\n"
    )


def test_the_preview_shows_every_alert_complete() -> None:
    text = preview(rules.alerts(), Links())
    assert "{{" not in text
    for each in rules.alerts():
        assert each.name == "Watchdog" or each.name in text


@contextmanager
def receiver(tmp_path: Path) -> Iterator[tuple[int, Path, subprocess.Popen[bytes]]]:
    port, log = free_port(), tmp_path / "pages.log"
    command = [str(program("greenops-alerting")), "receive", "--listen", f"127.0.0.1:{port}"]
    with running(Service("pages", command, f"http://127.0.0.1:{port}/-/healthy"), log) as process:
        yield port, log, process


def ask(
    port: int, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, content, headers or {})
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def test_nothing_that_is_sent_ends_the_receiver(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, log, process):
        for content, status in (
            (b"", 400),
            (b"{", 400),
            (b"[]", 400),
            (b"\xff\xfe", 400),
            (b'{"alerts": [{"status": 1}]}', 400),
            (b'{"alerts": [' + b"[" * 5000 + b"]}", 400),
            (b'{"alerts": []}', 200),
            (body(), 200),
        ):
            assert ask(port, "POST", "/page", content)[0] == status, content[:40]
        assert ask(port, "POST", "/page", headers={"Content-Length": str(LARGEST_BODY + 1)})[0] == 413
        assert ask(port, "POST", "/page", headers={"Content-Length": "-1"})[0] == 411
        assert ask(port, "POST", "/elsewhere", b"{}")[0] == 404
        assert ask(port, "GET", "/page")[0] == 404
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"POST /page HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        with socket.create_connection(("127.0.0.1", port)) as noise:
            noise.sendall(b"\x00\x16\x03\x01\r\n\r\n")
        assert ask(port, "GET", "/-/healthy") == (200, "greenops-alerting is healthy.\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    said = log.read_text()
    assert "Traceback" not in said
    assert said.count("FIRING PAGE EmissionLimitExceeded") == 1
    assert re.search(
        r"warning receiver: 127\.0\.0\.1: refused a page that is not what Alertmanager sends: .*malformed", said
    )


def test_what_cannot_be_printed_is_asked_for_again() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        port = free_port()
        command = [str(program("greenops-alerting")), "receive", "--listen", f"127.0.0.1:{port}"]
        process = subprocess.Popen(command, stdout=full, stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            signal.sigtimedwait([], 0.05)
        status, said = ask(port, "POST", "/page", body())
        assert (status, said) == (503, "Refused: a page that cannot be printed: No space left on device.\n")
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "greenops_alerting", "receive", "--listen", address]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stderr == (
        f"greenops-alerting: cannot listen on {address}: Address already in use; "
        "choose another with --listen HOST:PORT\n"
    )
