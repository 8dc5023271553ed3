"""A webhook receiver that prints pages: for trying things out, and as the last resort beside a paging service.

Rules of this file: a bad request is answered and logged, never the end; what could not be printed is answered with an
error, so that Alertmanager sends it again.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TextIO

from greenops_alerting.page import decode, is_heartbeat, words
from greenops_core.address import Address, unusable

log = logging.getLogger("receiver")

LARGEST_BODY = 4 * 2**20
PATIENCE_SECONDS = 10.0
QUIET_SECONDS = 3600.0


class Printer:
    """Writes pages to *out*, whole ones only, and heartbeats at most once an hour."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self._out, self._clock = out, clock
        self._lock = threading.Lock()
        self._beat = float("-inf")

    def take(self, body: bytes) -> None:
        """Print the message in *body*.

        Raises:
            ValueError: it is not what Alertmanager sends.
            OSError: it cannot be printed.
        """
        message = decode(body)
        now = self._clock()
        with self._lock:
            if is_heartbeat(message):
                if now - self._beat < QUIET_SECONDS:
                    return
                at = datetime.fromtimestamp(now, UTC)
                print(f"{at:%Y-%m-%d %H:%M:%S UTC}  alerting is alive (told once an hour)", file=self._out, flush=True)
                self._beat = now
            elif text := words(message, datetime.fromtimestamp(now, UTC)):
                print(text, file=self._out, flush=True)


class Handler(BaseHTTPRequestHandler):
    """``POST /page`` and ``GET /-/healthy``."""

    timeout = PATIENCE_SECONDS
    server_version = "greenops-alerting"
    sys_version = ""

    @property
    def _receiver(self) -> Receiver:
        if not isinstance(self.server, Receiver):
            raise TypeError("this handler belongs to a Receiver")
        return self.server

    def do_GET(self) -> None:  # the name that http.server calls
        if self.path == "/-/healthy":
            self._answer(HTTPStatus.OK, "greenops-alerting is healthy.")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "There is no such page here; Alertmanager posts to /page.")

    def do_POST(self) -> None:  # the name that http.server calls
        if self.path != "/page":
            self._answer(HTTPStatus.NOT_FOUND, "There is no such page here; Alertmanager posts to /page.")
            return
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "a page without Content-Length")
            return
        if int(length) > LARGEST_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a page of {length} bytes; {LARGEST_BODY} are the most")
            return
        try:
            body = self.rfile.read(int(length))
            self._receiver.printer.take(body)
        except TimeoutError:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"a page that did not arrive within {PATIENCE_SECONDS:g} s")
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"a page that is not what Alertmanager sends: {error}")
        except OSError as error:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"a page that cannot be printed: {error.strerror or error}")
        else:
            self._answer(HTTPStatus.OK, "printed")

    def _refuse(self, status: HTTPStatus, what: str) -> None:
        log.warning("%s: refused %s", self.client_address[0], what)
        self.close_connection = True
        self._answer(status, f"Refused: {what}.")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError as error:
            log.warning("%s: left before the answer: %s", self.client_address[0], error.strerror or error)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature is http.server's
        """Requests are not logged one by one."""
        log.debug(format, *args)


class Receiver(ThreadingHTTPServer):
    """Listens until it is told to stop."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], printer: Printer) -> None:
        self.printer = printer
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)


def receive(listen: Address, out: TextIO) -> None:
    """Print what is posted to *listen* on *out* until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    try:
        server = Receiver((listen.host, listen.port), Printer(out, time.time))
    except OSError as error:
        raise unusable(listen, error.strerror or str(error)) from None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with server:
            log.info("pages are expected at http://%s/page", listen)
            server.serve_forever()
    except KeyboardInterrupt:
        log.info("stopped")
