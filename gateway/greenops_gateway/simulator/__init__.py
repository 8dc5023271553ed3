"""A simulated stack: a real Modbus TCP device with scenarios, for a first look, for demonstrations and for tests."""
