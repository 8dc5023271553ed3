"""Receivers of any kind with a book of what came, behind a line that refuses connections or falls silent."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import DataPointFlags
from paho.mqtt.enums import CallbackAPIVersion

from real_servers import eventually
from sink_oracle import Reply, SinkOracle

_MOST = 65536
TOPIC = "v1/gateway/telemetry"
REQUESTS = "v1/devices/me/rpc/request/+"
LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
"""What a ThingsBoard gateway asks its server for, and sends nothing before it knows."""


class Arrived(NamedTuple):
    """One value as it came: its device and point in words, *at* is its own time, *heard* ours, both Unix seconds."""

    device: str
    point: str
    value: float
    at: float
    heard: float


class Line:
    """A TCP line on loopback to the port *towards*; nothing that is under way survives a fault."""

    def __init__(self, towards: int) -> None:
        self._towards, self._silent, self._over = towards, False, False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listening.getsockname()[1]
        self._begin(self._accept, self._listening)

    def refuse(self) -> None:
        """Connections are refused, and those that were are cut."""
        self._end(self._listening)
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind(("127.0.0.1", self.port))  # nobody listens, and nobody else gets the port
        self._cut()

    def silence(self) -> None:
        """Connections are taken and read, and nothing is passed on or answered."""
        self._silent = True

    def mend(self) -> None:
        """As at first; what was connected to silence is cut."""
        self._silent = False
        self._cut()
        if not self._listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            self._listening.listen(100)
            self._begin(self._accept, self._listening)

    def close(self) -> None:
        self._over = True
        self._end(self._listening)
        self._cut()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near = listening.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._towards))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            self._begin(self._pass, near, far)
            self._begin(self._pass, far, near)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_MOST):
                if not self._silent:
                    target.sendall(data)
        for each in (source, target):
            self._end(each)
            with self._lock:
                self._open.discard(each)

    def _cut(self) -> None:
        with self._lock:
            found = list(self._open)
        for each in found:
            self._end(each)

    @staticmethod
    def _end(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    @staticmethod
    def _begin(work: Callable[..., None], *sockets: socket.socket) -> None:
        threading.Thread(target=work, args=sockets, daemon=True).start()


Behaviour = Callable[[Sequence[Arrived]], Reply]


def takes(_: Sequence[Arrived]) -> Reply:
    """All is well."""
    return Reply(200)


class Receiver:
    """*stored* is what was confirmed; *line* is the way to it; *behaviour* answers what comes by HTTP."""

    def __init__(self) -> None:
        self.stored: list[Arrived] = []
        self.behaviour: Behaviour = takes
        self.line: Line
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where a program under test sends to."""
        return self.line.port

    def take(self, came: Sequence[Arrived]) -> Reply:
        """The answer to what *came* in one request."""
        reply = self.behaviour(came)
        if 200 <= reply.status < 300:
            with self._lock:
                self.stored.extend(came)
        return reply


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """Takes remote write 1.0, OTLP and collectd's JSON; by its path it knows which."""
    receiver = Receiver()

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._body()
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            read = {"/v1/metrics": _otlp, "/collectd": _collectd}.get(self.path, _remote_write)
            reply = receiver.take(list(read(body)))
            text = reply.text.encode()
            self.send_response(reply.status)
            for key, value in {**reply.headers, "Content-Length": str(len(text))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(text)

        def _body(self) -> bytes:
            if "Content-Length" in self.headers:
                return bytes(self.rfile.read(int(self.headers["Content-Length"])))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Not on the screen."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that was killed says no goodbye."""

    with Server(("127.0.0.1", 0), Request) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        receiver.line = Line(server.server_port)
        try:
            yield receiver
        finally:
            receiver.line.close()
            server.shutdown()
            thread.join()


@contextmanager
def mqtt_receiver(broker: int) -> Iterator[Receiver]:
    """Listens with QoS 1 to what a ThingsBoard gateway publishes to the *broker* on that port of loopback."""
    receiver = Receiver()

    def message(asked: paho.Client, _: object, told: Any) -> None:  # noqa: ANN401  # paho's
        if told.topic == TOPIC:
            receiver.take(list(_thingsboard(told.payload)))
        elif b"getSessionLimits" in told.payload:
            number = told.topic.rpartition("/")[2]
            asked.publish(f"v1/devices/me/rpc/response/{number}", json.dumps(LIMITS), qos=1)

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="oracle")
    client.on_message = message
    client.connect("127.0.0.1", broker)
    client.subscribe([(TOPIC, 1), (REQUESTS, 1)])
    client.loop_start()
    eventually(client.is_connected)
    receiver.line = Line(broker)
    try:
        yield receiver
    finally:
        receiver.line.close()
        client.disconnect()
        client.loop_stop()


def _remote_write(body: bytes) -> Iterator[Arrived]:
    oracle = SinkOracle()
    oracle.take(body)
    for told in oracle.stored:
        if "point" in told.labels and _is_value(told.name) and not told.is_stale_marker:
            yield Arrived(told.labels["device"], told.labels["point"], told.value, told.at / 1000, told.heard)


def _is_value(name: str) -> bool:
    """Not what our gateway tells of a point beside its value."""
    return name == "stamp" or name.startswith("greenops_point_concentration")


def _otlp(body: bytes) -> Iterator[Arrived]:
    heard = time.time()
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            for point in metric.gauge.data_points:
                labels = {each.key: each.value.string_value for each in point.attributes}
                if metric.name == "stamp" and not point.flags & DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK:
                    at = point.time_unix_nano / 1e9
                    yield Arrived(labels["device"], labels["point"], point.as_double, at, heard)


def _collectd(body: bytes) -> Iterator[Arrived]:
    heard = time.time()
    for each in json.loads(body):
        if each["plugin"] == "modbus" and each["values"][0] is not None:
            yield Arrived(each["host"], each["type_instance"], float(each["values"][0]), each["time"], heard)


def _thingsboard(body: bytes) -> Iterator[Arrived]:
    heard = time.time()
    for device, entries in json.loads(body).items():
        for entry in entries:
            for point, value in entry.get("values", {}).items():
                if point.startswith("t") and point[1:].isdigit():
                    yield Arrived(device, point, float(value), entry["ts"] / 1000, heard)
