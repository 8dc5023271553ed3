"""A serial port as an asyncio transport: pyserial opens and sets it, the event loop reads it."""

from __future__ import annotations

import asyncio
import errno
import os
import termios

from greenops_core.errors import DeviceError
from greenops_gateway.modbus.serial_line import Line

MOST_AT_ONCE = 4096
LISTED = 8


class SerialPort(asyncio.Transport):
    """An open port, held alone, that passes what comes to *protocol* until it is closed or gone.

    Raises:
        DeviceError: there is no such port, it is in use, or it cannot be set so.
    """

    def __init__(self, port: str, line: Line, protocol: asyncio.Protocol) -> None:
        import serial  # noqa: PLC0415  # only who uses a serial line loads it

        super().__init__()
        self._name, self._protocol = port, protocol
        self._loop = asyncio.get_running_loop()
        try:
            self._port = serial.Serial(port, *line, timeout=0, write_timeout=0, exclusive=True)
        # SerialException is an OSError; termios.error, of a port that cannot be set so, is not.
        except (OSError, ValueError, OverflowError, termios.error) as error:
            raise DeviceError(_why(port, error)) from None
        self._fd = self._port.fileno()
        self._loop.add_reader(self._fd, self.receive)

    def receive(self) -> None:
        """Pass on what lies there now."""
        if not self._port.is_open:
            return
        try:
            data = os.read(self._fd, MOST_AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(error)
            return
        if data:
            self._protocol.data_received(data)
        elif self._readable():
            self._gone(OSError(errno.EIO, os.strerror(errno.EIO)))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """A request is far shorter than the system's buffer; a port that does not take it at once is stuck."""
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self._gone(error)
            return
        if written < len(data):
            self._gone(OSError(errno.EIO, "it takes no more bytes"))

    def close(self) -> None:
        self._shut(None)

    def abort(self) -> None:
        self._shut(None)

    def is_closing(self) -> bool:
        return not self._port.is_open

    def _readable(self) -> bool:
        """Whether the end of the port shows as endless emptiness: without a byte it may also be a spurious wake-up."""
        import select  # noqa: PLC0415  # only when the port seems gone

        return bool(select.select([self._fd], [], [], 0)[0])

    def _gone(self, error: OSError) -> None:
        said = error.strerror or str(error)
        self._shut(OSError(f"the serial port {self._name} is gone: {said}; is the adapter plugged in?"))

    def _shut(self, why: OSError | None) -> None:
        if self._port.is_open:
            self._loop.remove_reader(self._fd)
            self._port.close()
            self._loop.call_soon(self._protocol.connection_lost, why)


def _why(port: str, error: Exception) -> str:
    """What an operator can do about a port that does not open."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        from serial.tools.list_ports import comports  # noqa: PLC0415  # only in this message

        known = sorted(found.device for found in comports())
        there = f"ports here: {', '.join(known[:LISTED])}" if known else "this machine has none; is it plugged in?"
        return f"no such serial port {port}; {there}"
    if number in {errno.EACCES, errno.EPERM}:
        return (
            f"permission denied on {port}: add the user to the group that owns it (usually dialout), then log in anew"
        )
    if number in {errno.EAGAIN, errno.EBUSY}:
        return f"{port} is in use by another program; end that first"
    if isinstance(error, termios.error) or number == errno.ENOTTY or "configure port" in str(error):
        why = error.args[-1] if isinstance(error, termios.error) else error
        return f"{port} is no serial port, or it cannot do this baud rate, parity or number of bits: {why}"
    return f"cannot open {port}: {error}"
