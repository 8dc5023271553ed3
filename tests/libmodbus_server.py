"""A Modbus server by libmodbus (C), as a program: ``libmodbus_server.py LIBRARY tcp PORT`` or ``... rtu DEVICE``.

Register *n* holds ``1000 + n``, input register *n* ``2000 + n``, and every third bit is set.
"""

from __future__ import annotations

import ctypes
import sys

UNIT = 17
SIZE = 200
HOLDING = [1000 + place for place in range(SIZE)]
INPUT = [2000 + place for place in range(SIZE)]
BITS = [place % 3 == 0 for place in range(SIZE)]


class Mapping(ctypes.Structure):
    """``modbus_mapping_t`` of libmodbus 3.1."""

    _fields_ = (
        ("nb_bits", ctypes.c_int),
        ("start_bits", ctypes.c_int),
        ("nb_input_bits", ctypes.c_int),
        ("start_input_bits", ctypes.c_int),
        ("nb_input_registers", ctypes.c_int),
        ("start_input_registers", ctypes.c_int),
        ("nb_registers", ctypes.c_int),
        ("start_registers", ctypes.c_int),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    )


def main(library: str, kind: str, where: str) -> None:
    """Serve until killed."""
    modbus = ctypes.CDLL(library)
    modbus.modbus_new_tcp.restype = modbus.modbus_new_rtu.restype = ctypes.c_void_p
    modbus.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    mapping = modbus.modbus_mapping_new(SIZE, SIZE, SIZE, SIZE)
    tables = mapping.contents
    for place in range(SIZE):
        tables.tab_bits[place] = tables.tab_input_bits[place] = BITS[place]
        tables.tab_registers[place] = HOLDING[place]
        tables.tab_input_registers[place] = INPUT[place]
    if kind == "tcp":
        context = ctypes.c_void_p(modbus.modbus_new_tcp(b"127.0.0.1", int(where)))
        listening = ctypes.c_int(modbus.modbus_tcp_listen(context, 1))
        print("ready", flush=True)
        modbus.modbus_tcp_accept(context, ctypes.byref(listening))
    else:
        context = ctypes.c_void_p(modbus.modbus_new_rtu(where.encode(), 115200, ctypes.c_char(b"N"), 8, 1))
        modbus.modbus_set_slave(context, UNIT)
        if modbus.modbus_connect(context):
            sys.exit(f"no serial port {where}")
        print("ready", flush=True)
    query = (ctypes.c_uint8 * 260)()
    while True:
        size = modbus.modbus_receive(context, query)
        if size > 0:
            modbus.modbus_reply(context, query, size, mapping)
        elif size < 0 and kind == "tcp":
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
