"""An outstation of another make: dnp3_outstation.py PORT POINTS, all analog inputs in class 1, behind a relay on PORT.

Each time a master begins to ask after a silence, a line with the monotonic time is printed. It ends with stdin.
"""

from __future__ import annotations

# pyright: reportAttributeAccessIssue=false
# opendnp3 fills its module while it is imported.
import select
import socket
import sys
import threading
import time

import opendnp3  # type: ignore[import-untyped]  # it ships no types

from stack import free_port

ADDRESS = 1024
SILENCE = 0.25
"""Seconds without traffic, after which what the master sends begins a poll."""


def outstation(port: int, points: int) -> tuple[object, ...]:
    """A running one; it lives as long as what is given."""
    manager = opendnp3.DNP3Manager(1)
    endpoint = opendnp3.IPEndpoint("127.0.0.1", port)
    channel = manager.AddTCPServer(
        "server", opendnp3.levels.NOTHING, opendnp3.ServerAcceptMode.CloseExisting, endpoint, None
    )
    config = opendnp3.OutstationStackConfig(opendnp3.DatabaseConfig(points))
    config.outstation.eventBufferConfig = opendnp3.EventBufferConfig.AllTypes(100)
    config.outstation.params.maxTxFragSize = 2048
    config.link.LocalAddr, config.link.RemoteAddr = ADDRESS, 1
    commands, application = opendnp3.ICommandHandler(), opendnp3.IOutstationApplication()
    made = channel.AddOutstation("outstation", commands, application, config)
    made.Enable()
    builder = opendnp3.UpdateBuilder()
    for index in range(points):
        builder.Update(
            opendnp3.Analog(index + 0.25, opendnp3.Flags(1), opendnp3.DNPTime(0)), index, opendnp3.EventMode.Suppress
        )
    made.Apply(builder.Build())
    return manager, channel, made, commands, application


def relay(port: int, towards: int) -> None:
    """Carry what one master at a time and the outstation say, and tell when the master begins."""
    with socket.create_server(("127.0.0.1", port)) as server:
        print("ready", flush=True)
        while True:
            master, _ = server.accept()
            with master, socket.create_connection(("127.0.0.1", towards)) as behind:
                for each in (master, behind):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _carry(master, behind)


def _carry(master: socket.socket, behind: socket.socket) -> None:
    heard = 0.0
    while True:
        for ready in select.select((master, behind), (), ())[0]:
            now = time.monotonic()
            data = ready.recv(65536)
            if not data:
                return
            if ready is master and now - heard > SILENCE:
                print(now, flush=True)
            heard = now
            (behind if ready is master else master).sendall(data)


if __name__ == "__main__":
    inner = free_port()
    kept = outstation(inner, int(sys.argv[2]))
    threading.Thread(target=relay, args=(int(sys.argv[1]), inner), daemon=True).start()
    sys.stdin.read()
