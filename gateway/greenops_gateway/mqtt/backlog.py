"""Whether a broker may still be sending what it kept while nobody was here. Pure: time is an argument."""

from __future__ import annotations

LONGEST = 300.0
"""Seconds after which a broker that never has a quiet moment is taken to have sent what it kept."""


class Backlog:
    """What is under way on one connection: messages to be acknowledged, and pings to be answered.

    A broker sends what it kept in order and as soon as it may (MQTT 5, 4.6 and 4.9). So when all that came is
    acknowledged and a ping is answered before another message comes, nothing was left.
    """

    def __init__(self) -> None:
        self.until = 0.0
        """On the monotonic clock, when it is over at the latest; 0 when it is."""
        self._owed = self._pings = self._awaited = 0

    def begin(self, now: float) -> None:
        """The broker resumes a session; *now* is monotonic."""
        self.until = now + LONGEST

    def lasts(self, now: float) -> bool:
        """Whether a message with QoS 1 that comes *now* may be an old one."""
        return now < self.until

    def came(self, count: int) -> None:
        """*count* messages that have to be acknowledged."""
        self._owed += count
        self._awaited = 0

    def acknowledged(self, count: int) -> None:
        self._owed -= count

    def is_due(self, now: float) -> bool:
        """Whether to ping now."""
        return self.lasts(now) and not self._owed and not self._awaited

    def ask(self) -> None:
        """The ping that is sent next is the one: of several answers under way the last one counts."""
        self._awaited = self._pings + 1

    def pinged(self) -> None:
        self._pings += 1

    def answered(self) -> None:
        """The broker answers a ping."""
        self._pings -= 1
        if self._awaited:
            self._awaited -= 1
            if not self._awaited:
                self.until = 0.0
