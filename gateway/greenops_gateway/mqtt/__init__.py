"""MQTT 3.1.1 and 5: pure packet codec and payloads; the client alone touches the network.

It reads. Only Sparkplug's request for a new birth and the simulator publish.
"""
