"""Modbus TCP: pure codec, framing check, addresses and read plan; the driver alone touches the network."""
