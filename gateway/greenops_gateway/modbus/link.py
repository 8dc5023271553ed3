"""A Modbus link in gateway.yml: a connection to one device or a gateway, or a serial line that units share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, within
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.frame import Ask, Framing, Tcp
from greenops_gateway.modbus.plan import FUNCTIONS, Span
from greenops_gateway.modbus.serial_line import Ascii, Line, Rtu, exchange_seconds
from greenops_gateway.point import Link
from greenops_gateway.tcp import Port, check_host, place
from greenops_telemetry.tls import Tls

Transport = Literal["tcp", "rtu", "ascii", "rtu-over-tcp", "ascii-over-tcp", "tls"]
SERIAL = ("rtu", "ascii")
PORT, TLS_PORT = 502, 802
BUSY = 0.9
"""A bus that is planned to be busier leaves no room for a unit that is slow to answer."""


class ModbusLink(Link, frozen=True, kw_only=True):
    """*transport* rtu and ascii are serial and need *device*; the others need *host*.

    *between_requests* is the pause from an answer to the next request, *turn_around* the same when that is for another
    unit, *after_connect* the pause before the first. With transport tls both sides show a certificate (MODBUS/TCP
    Security, V36); an empty server_name takes one for anybody, as many devices have it.
    """

    transport: Transport = "tcp"
    host: str | None = None
    port: Port | None = None
    tls: Tls | None = None
    device: str | None = None
    baud: Annotated[int, Meta(ge=50, le=4_000_000)] | None = None
    parity: Literal["even", "odd", "none"] | None = None
    stop_bits: Literal[1, 2] | None = None
    data_bits: Literal[7, 8] | None = None
    between_requests: Duration | None = None
    turn_around: Duration | None = None
    after_connect: Duration | None = None

    @property
    def is_serial(self) -> bool:
        return self.transport in SERIAL

    @property
    def at_port(self) -> int:
        """The TCP port, as written or the transport's own."""
        return self.port or (TLS_PORT if self.transport == "tls" else PORT)

    @property
    def where(self) -> str:
        """The far end, for a message."""
        if self.is_serial:
            return str(self.device)
        return place(str(self.host), self.at_port)

    def line(self) -> Line:
        """How the serial line is set; without more 9600 baud, and 11 bits a character (Serial Line V1.02, 2.5.1)."""
        parity: Literal["E", "O", "N"] = "O" if self.parity == "odd" else "N" if self.parity == "none" else "E"
        return Line(
            self.baud or 9600,
            self.data_bits or (7 if self.transport == "ascii" else 8),
            parity,
            self.stop_bits or (2 if parity == "N" else 1),
        )

    def framing(self, *, ignore_transaction_id: bool = False) -> Framing:
        """How requests are put on the wire."""
        if self.transport in {"tcp", "tls"}:
            return Tcp(ignore_transaction_id)
        return Rtu() if self.transport.startswith("rtu") else Ascii()

    def check(self) -> None:
        super().check()
        network, serial = ("host", "port"), ("device", "baud", "parity", "stop_bits", "data_bits")
        for key in (*(network if self.is_serial else serial), *(() if self.transport == "tls" else ("tls",))):
            if getattr(self, key) is not None:
                fits = "tls" if key == "tls" else "tcp, tls and …-over-tcp" if key in network else "rtu and ascii"
                raise ConfigError(f"transport {self.transport} has no {key}; that is for {fits}", (key,))
        if self.is_serial:
            if not self.device:
                raise ConfigError(
                    f"transport {self.transport} needs device, the serial port; write for example device: /dev/ttyUSB0"
                )
            if self.transport == "rtu" and self.data_bits == 7:
                raise ConfigError("RTU needs 8 data bits; 7 are for ascii", ("data_bits",))
        else:
            if self.host is None:
                raise ConfigError(f"transport {self.transport} needs host; write for example host: 192.168.0.10")
            check_host(self.host, PORT)
            if self.transport == "tls" and self.tls is None:
                raise ConfigError("transport tls needs tls: {ca: …, certificate: …, key: …}")
        if self.tls is not None:
            with within("tls"):
                self.tls.check("ca", "certificate", "key", nameless=True)

    def check_devices(self, devices: tuple[ModbusDevice, ...]) -> None:
        super().check_devices(devices)
        if self.is_serial:
            for device in devices:
                if not 1 <= device.unit <= 247:  # Serial Line V1.02, section 2.2
                    raise ConfigError(
                        f"device '{device.name}' has unit {device.unit}, which no unit on a serial line can have; "
                        "they go from 1 to 247"
                    )

    def destination(self, devices: tuple[ModbusDevice, ...]) -> str:  # noqa: ARG002  # whatever is behind it
        return self.where

    def explain(self, devices: tuple[ModbusDevice, ...]) -> Iterator[str]:
        line = self.line()
        yield f"{self.transport} to {self.where}" + (
            f", {line.baud} baud, {line.bytesize}{line.parity}{line.stopbits}" if self.is_serial else ""
        )
        if self.tls is not None and self.tls.server_name == "":
            yield "warning: server_name is empty: whoever has a certificate that ca vouches for is believed"
        yield from super().explain(devices)
        units: dict[int, list[str]] = {}
        for device in devices:
            units.setdefault(device.unit, []).append(device.name)
        for unit, names in units.items():
            if len(names) > 1:
                yield f"warning: {' and '.join(names)} are both unit {unit}; one device, or a unit written wrong?"
        for key in ("after_connect", "between_requests", "turn_around"):
            longest = max((getattr(each, key) or 0.0 for each in (self, *(it.quirks for it in devices))), default=0.0)
            if longest:
                yield f"{key} {Duration(longest)}"
        load = 0.0
        for device in devices:
            seconds, words = self.cycle(device)
            share = seconds / device.poll
            load += share
            yield f"{device.name}: {words}" + (
                f", {seconds:.3f} s of the line every {device.poll}: {share:.0%}" if self.is_serial else ""
            )
        if self.is_serial:
            yield f"the line is busy for {load:.0%} of the time, beside what the units take to answer"
            if load > BUSY:
                yield "note: that is too much; poll less often, or set a higher baud rate"

    def cycle(self, device: ModbusDevice) -> tuple[float, str]:
        """Seconds for which one poll of *device* takes the line, and its requests and bytes in words."""
        framing, line = self.framing(), self.line()
        asks = [ask(device.unit, block.span) for block in device.blocks()]
        sent = sum(framing.request_size + framing.expected(each) for each in asks)
        pause = max(self.between_requests or 0.0, device.quirks.between_requests or 0.0)
        seconds = sum(exchange_seconds(framing, each, line) + pause for each in asks)
        requests = "request" if len(asks) == 1 else "requests"
        return seconds, f"{len(asks)} {requests} (fewest possible: {device.fewest()}), {sent} bytes"


def ask(unit: int, span: Span) -> Ask:
    """The read of *span*.

    >>> ask(7, Span("input", 20, 2))
    Ask(unit=7, function=4, address=20, count=2)
    """
    return Ask(unit, FUNCTIONS[span.table], span.address, span.count)
