"""A simulated plant: any device of gateway.yml, with scenarios, for a first look, for demonstrations and for tests."""
