"""Where there is no OPC UA server: an error in time, in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

import stack
from greenops_core.errors import DeviceError
from opcua_reading import Noted, device, link, once

ANSWERS = {
    "nothing at all": b"",
    "noise": bytes(range(256)),
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an error message": b"ERRF\x1c\0\0\0\0\0\x82\x80\x0c\0\0\0not today....",
    "half an acknowledge": b"ACKF\x1c\0\0\0\0\0",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_is_no_server_is_an_error_in_time(answer: bytes) -> None:
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        await reader.read(1)
        writer.write(answer)
        with suppress(OSError):
            await reader.read()
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    noted = Noted(device("ns=2;s=v1"))
    with pytest.raises((DeviceError, OSError), match=f"cannot connect to opc.tcp://127.0.0.1:{port}"):
        await once(link(f"opc.tcp://127.0.0.1:{port}", connect_timeout="700ms", timeout="600ms"), noted)
    listener.close()
    await listener.wait_closed()
    await asyncio.gather(*(task for task in served if task is not None))
    assert noted.told == {"connect": 1}


async def test_nobody_there_is_said_as_the_system_says_it() -> None:
    port = stack.free_port()
    with pytest.raises(OSError, match=rf"cannot connect to opc.tcp://127.0.0.1:{port}.*: .*"):
        await once(link(f"opc.tcp://127.0.0.1:{port}"), Noted(device("ns=2;s=v1")))


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""
    held: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    try:
        yield f"opc.tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        for writer in held:
            writer.transport.abort()
        await listener.wait_closed()


@pytest.mark.parametrize(
    ("waits", "waited"),
    [
        pytest.param({"timeout": "200ms", "connect_timeout": "5s"}, "200ms", id="one answer"),
        pytest.param({"timeout": "5s", "connect_timeout": "200ms"}, "200ms", id="the whole"),
    ],
)
async def test_how_long_was_waited_is_said(waits: dict[str, object], waited: str) -> None:
    async with silent() as url:
        with pytest.raises(TimeoutError, match=f"^cannot connect to {url}: no answer within {waited}$"):
            await once(link(url, **waits), Noted(device("ns=2;s=v1")))


async def test_who_ends_the_wait_for_an_answer_hears_of_no_timeout() -> None:
    async with silent() as url:
        connecting = asyncio.create_task(once(link(url), Noted(device("ns=2;s=v1"))))
        done, _ = await asyncio.wait([connecting], timeout=0.2)
        assert not done
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
