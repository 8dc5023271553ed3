"""When to ask again whoever did not answer as hoped. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FEW_SENDERS = (1.0, 15.0)
"""Seconds, the shortest and the longest wait: a receiver that is back has everything within half a minute."""
MANY_SENDERS = (5.0, 300.0)
"""The same where thousands send to one receiver, and would keep it from getting up."""
JITTER = 0.2
"""By which part a wait is longer or shorter by chance, so that a thousand gateways do not come back at once."""
OBEYED = 86_400.0
"""Seconds beyond which a receiver's wish (Retry-After) is taken for a mistake."""


@dataclass(slots=True)
class Backoff:
    """How often something failed in a row, and from when it may be tried again (monotonic seconds)."""

    waits: tuple[float, float] = FEW_SENDERS
    failures: int = 0
    until: float = 0.0

    def fail(self, now: float, after: float | None, chance: float) -> None:
        """It failed at *now*; *after* is what Retry-After asked for in seconds, *chance* is in [0, 1).

        >>> backoff = Backoff()
        >>> for _ in range(10):
        ...     backoff.fail(0.0, None, 0.5)
        >>> backoff.until  # after 1, 2, 4 and 8
        15.0
        >>> backoff.fail(0.0, 1000.0, 0.5)
        >>> backoff.until
        1000.0
        """
        shortest, longest = self.waits
        wait = min(longest, shortest * 2.0 ** min(self.failures, 20)) * (1 + JITTER * (2 * chance - 1))
        self.failures += 1
        self.until = now + max(wait, min(after or 0.0, OBEYED))

    def clear(self) -> None:
        """It went well."""
        self.failures, self.until = 0, 0.0
