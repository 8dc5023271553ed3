"""A subscriber of paho and json alone: mqtt_paho.py PORT; each line on stdin is answered with the number of messages.

What is done with a message is the least that can be: its JSON is parsed, and the last of each topic kept.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """Keeps the last values of each topic."""

    def __init__(self, port: int) -> None:
        self.count = 0
        self.last: dict[str, Any] = {}
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="paho", userdata=None)
        self.client.on_message = self.take
        self.client.on_subscribe = lambda *_: print("ready", flush=True)
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("plant/+", qos=1)

    def take(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.last[message.topic] = json.loads(message.payload)
        self.count += 1

    def answer(self) -> None:
        for _ in sys.stdin:
            print(self.count, flush=True)
        self.client.disconnect()


if __name__ == "__main__":
    subscriber = Subscriber(int(sys.argv[1]))
    threading.Thread(target=subscriber.answer, daemon=True).start()
    subscriber.client.loop_forever()
