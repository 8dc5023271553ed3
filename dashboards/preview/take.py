"""Takes pictures of dashboards: Grafana's own components in a headless Chromium, on a real Prometheus' data.

    python dashboards/preview/take.py --prometheus http://127.0.0.1:9090 --dest docs/pictures

The page in src/ is built once into .greenops/preview and served from a free loopback port for as long as the
pictures take. With --text, what each panel says is written beside them. A panel whose query fails makes the exit
status 1; one without data is named.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypedDict, cast
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
NPM_BUILD = HERE.parent / "schema" / "npm_build.py"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=20000",  # of the page's own clock, which stands still while a request is under way
)
PICTURE_TIMEOUT = 120.0
GRID_CELL = 38
HEAD_AND_FOOT = 121  # with one line of variables and a foot
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class TakeError(Exception):
    """No picture can be taken; the message says what to do."""


class PanelReport(TypedDict):
    """What the page says of one panel."""

    title: str
    type: str
    empty: bool
    error: str | None
    undrawn: bool
    frames: int
    rows: int
    text: str


class Report(TypedDict):
    """What the page says of itself."""

    height: int
    panels: list[PanelReport]


@dataclass(frozen=True)
class Settings:
    """How a picture is taken."""

    width: int
    scrape: int
    range: int | None = None
    to: int | None = None
    expand: bool = False
    variables: Sequence[tuple[str, str]] = field(default=())

    def query(self, dashboard: Path, theme: str) -> str:
        """The address' query that src/main.jsx reads."""
        wanted = {"range": self.range, "to": self.to, "expand": "1" if self.expand else None}
        fixed = {"width": self.width, "scrape": self.scrape, "theme": theme}
        places = {"dashboard": f"/dashboards/{dashboard.name}", "prometheus": "/prometheus"}
        given = {key: value for key, value in wanted.items() if value is not None}
        return urlencode([*{**places, **fixed, **given}.items(), *((f"var-{k}", v) for k, v in self.variables)])


def seconds(text: str) -> int:
    """The seconds of a duration such as 15m.

    >>> seconds("15m"), seconds("2d")
    (900, 172800)
    """
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match is None:
        message = f"{text!r} is no duration: write a number and one of s, m, h, d, w"
        raise argparse.ArgumentTypeError(message)
    return int(match[1]) * UNITS[match[2]]


def assignment(text: str) -> tuple[str, str]:
    """A variable's name and value, of name=value."""
    name, equals, value = text.partition("=")
    if not equals:
        message = f"{text!r} is no variable: write name=value"
        raise argparse.ArgumentTypeError(message)
    return name, value


def chromium() -> str:
    for name in CHROMIUMS:
        if found := shutil.which(name):
            return found
    raise TakeError("no Chromium found: install Debian's package chromium (`apt-get install chromium`)")


def check_prometheus(address: str) -> None:
    try:
        with urllib.request.urlopen(f"{address}/api/v1/query?query=1", timeout=10):
            pass
    except (OSError, ValueError) as error:
        message = f"Prometheus does not answer at {address} ({error}): run `make up` first, or name it by --prometheus"
        raise TakeError(message) from error


def build(dest: Path) -> Path:
    """The folder of the built page."""
    command = [sys.executable, str(NPM_BUILD), "--source", str(HERE), "--dest", str(dest)]
    if subprocess.run(command, check=False).returncode:
        raise TakeError("the page could not be built; the reason stands above")
    return dest / "dist"


@contextmanager
def served(page: Path, dashboards: Sequence[Path], prometheus: str) -> Iterator[str]:
    """The address at which the page, the dashboards and Prometheus are, on one origin."""
    files = {f"/dashboards/{path.name}": path for path in dashboards}

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(page))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in files:
                self._answer(200, files[path].read_bytes())
            elif path.startswith("/prometheus/"):
                self._answer(*ask(prometheus + self.path.removeprefix("/prometheus")))
            else:
                super().do_GET()

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def ask(url: str) -> tuple[int, bytes]:
    """Prometheus' answer to a request: status and body."""
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 502, json.dumps({"status": "error", "error": f"Prometheus does not answer: {error}"}).encode()


@dataclass(frozen=True)
class Camera:
    """A Chromium, with a profile of its own."""

    program: str
    profile: Path

    def take(self, url: str, size: tuple[int, int], picture: Path) -> Report:
        """Write the picture of the page at *url*; what the page reports."""
        width, height = size
        places = [f"--user-data-dir={self.profile}", f"--window-size={width},{height}", f"--screenshot={picture}"]
        command = [self.program, *CHROMIUM_FLAGS, *places, "--dump-dom", url]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PICTURE_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise TakeError(f"{self.program} gave no picture within {PICTURE_TIMEOUT:.0f} s") from error
        found = re.search(r'<script id="report" type="application/json">(.*?)</script>', done.stdout, re.DOTALL)
        if found is None or "<title>ready</title>" not in done.stdout:
            raise TakeError(f"the page was not ready in time; {self.program} says:\n{done.stderr.strip()[-2000:]}")
        told = json.loads(found[1])
        if "error" in told:
            raise TakeError(told["error"])
        return cast("Report", told)


def guessed_height(dashboard: Path) -> int:
    """The page's height as the grid has it; the page itself knows it exactly."""
    try:
        panels = json.loads(dashboard.read_text("utf-8")).get("panels", [])
        rows = max((panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels), default=0)
    except (OSError, ValueError, KeyError) as error:
        raise TakeError(f"not the JSON of a dashboard whose panels have a gridPos: {error!r}") from error
    return int(rows) * GRID_CELL + HEAD_AND_FOOT


def photograph(camera: Camera, url: str, size: tuple[int, int], picture: Path) -> Report:
    """Take the whole page: once more where *size* has not its height."""
    width, height = size
    report = camera.take(url, size, picture)
    if report["height"] != height:
        report = camera.take(url, (width, report["height"]), picture)
    return report


def take(camera: Camera, address: str, dashboard: Path, arguments: argparse.Namespace, settings: Settings) -> Report:
    """Take one dashboard in each theme; what the last one reports."""
    reports: list[Report] = []
    for theme in arguments.theme or ["dark", "light"]:
        height = reports[-1]["height"] if reports else guessed_height(dashboard)
        picture = arguments.dest / f"{dashboard.stem}-{theme}.png"
        url = f"{address}/?{settings.query(dashboard, theme)}"
        reports.append(photograph(camera, url, (settings.width, height), picture))
        print(picture, file=sys.stderr, flush=True)
    if arguments.text:
        (arguments.dest / f"{dashboard.stem}.txt").write_text(as_text(reports[-1]), "utf-8")
    return reports[-1]


def as_text(report: Report) -> str:
    """What each panel says, a paragraph each."""
    paragraphs = []
    for panel in report["panels"]:
        state = "ERROR" if panel["error"] else "EMPTY" if panel["empty"] else ""
        counts = f"{panel['frames']} frames, {panel['rows']} rows"
        head = " | ".join(part for part in (panel["type"], panel["title"], counts, state) if part)
        paragraphs.append(f"== {head}\n{panel['text']}\n")
    return "\n".join(paragraphs)


def summary(dashboard: Path, report: Report) -> str:
    """One line on the dashboard, and one per panel that shows nothing."""
    panels = report["panels"]
    lines = [f"{dashboard.name}: {len(panels)} panels"]
    lines += [f"  error in {panel['title']!r}: {panel['error']}" for panel in panels if panel["error"]]
    lines += [f"  no data in {panel['title']!r}" for panel in panels if panel["empty"] and not panel["error"]]
    lines += [f"  not drawn: {panel['title']!r}, a {panel['type']}" for panel in panels if panel["undrawn"]]
    return "\n".join(lines)


def take_all(arguments: argparse.Namespace, settings: Settings) -> bool:
    """Take all pictures; whether every query was answered."""
    if not arguments.dashboards:
        raise TakeError("no dashboards in dashboards/json: name files, or write them first")
    program = chromium()
    check_prometheus(arguments.prometheus)
    page = build(arguments.build)
    arguments.dest.mkdir(parents=True, exist_ok=True)
    good = True
    with (
        tempfile.TemporaryDirectory(prefix="greenops-preview-", ignore_cleanup_errors=True) as profile,
        served(page, arguments.dashboards, arguments.prometheus) as address,
    ):
        camera = Camera(program, Path(profile))
        for dashboard in arguments.dashboards:
            try:
                report = take(camera, address, dashboard, arguments, settings)
            except TakeError as error:
                raise TakeError(f"{dashboard}: {error}") from error
            print(summary(dashboard, report), flush=True)
            good = good and not any(panel["error"] for panel in report["panels"])
    return good


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description="Take pictures of dashboards on a real Prometheus' data.")
    options.add_argument("dashboards", nargs="*", type=Path, metavar="FILE", help="default: dashboards/json/*.json")
    options.add_argument("--prometheus", default="http://127.0.0.1:9090", help="default: %(default)s")
    options.add_argument("--dest", type=Path, default=Path("docs/pictures"), help="default: %(default)s")
    options.add_argument("--build", type=Path, default=Path(".greenops/preview"), help="default: %(default)s")
    options.add_argument("--theme", action="append", choices=["dark", "light"], help="default: both")
    options.add_argument("--width", type=int, default=1400, help="pixels; default: %(default)s")
    options.add_argument("--range", type=seconds, help="such as 15m; default: the dashboard's own")
    options.add_argument("--to", type=int, help="the range's end in Unix seconds; default: now")
    options.add_argument("--scrape", type=seconds, default=15, help="the data source's scrape interval; default: 15s")
    options.add_argument("--var", type=assignment, action="append", default=[], help="name=value; may be repeated")
    options.add_argument("--expand", action="store_true", help="open collapsed rows")
    options.add_argument("--text", action="store_true", help="write what each panel says, too")
    return options


def main() -> int:
    arguments = parser().parse_args()
    arguments.prometheus = arguments.prometheus.rstrip("/")
    arguments.dashboards = arguments.dashboards or sorted((HERE.parent / "json").glob("*.json"))
    settings = Settings(
        width=arguments.width,
        scrape=arguments.scrape,
        range=arguments.range,
        to=arguments.to,
        expand=arguments.expand,
        variables=arguments.var,
    )
    start = time.monotonic()
    try:
        good = take_all(arguments, settings)
    except TakeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(arguments.dashboards)} dashboards in {time.monotonic() - start:.1f} s", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
