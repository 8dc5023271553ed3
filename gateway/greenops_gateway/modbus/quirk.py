"""What a device needs that its kind of device usually does not, by name; a profile is the place for it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError
from greenops_gateway.modbus.address import Style, located
from greenops_gateway.modbus.plan import MOST_BITS, MOST_WORDS, Limits, Span
from greenops_telemetry.configuration import Section


class Quirks(Section, frozen=True, kw_only=True):
    """What a request may ask for, what must never be read, and the pauses of a link, of which the longer one counts.

    *gap* is how many unused registers a request may read along, 0 for none. *never* lists [table, first, last]: nothing
    there is read, not even along with others.
    """

    max_words: Annotated[int, Meta(ge=1, le=MOST_WORDS)] = MOST_WORDS
    max_bits: Annotated[int, Meta(ge=1, le=MOST_BITS)] = MOST_BITS
    gap: Annotated[int, Meta(ge=0, le=MOST_WORDS)] = 8
    never: tuple[tuple[Literal["holding", "input", "coil", "discrete"], int | str, int | str], ...] = ()
    after_connect: Duration | None = None
    between_requests: Duration | None = None
    turn_around: Duration | None = None
    ignore_transaction_id: bool = False

    def limits(self, style: Style) -> Limits:
        """What the planner must keep to, from addresses written in *style*.

        Raises:
            ConfigError: with the path from here to the key.
        """
        return Limits(
            self.max_words,
            self.max_bits,
            self.gap,
            tuple(self._never(index, style) for index in range(len(self.never))),
        )

    def _never(self, index: int, style: Style) -> Span:
        table, first, last = self.never[index]
        try:
            ends = [located(at, style, table)[1] for at in (first, last)]
        except ConfigError as error:
            raise error.under("never", index) from None
        if ends[1] < ends[0]:
            raise ConfigError(f"[{first}, {last}] holds nothing; write [table, first, last]", ("never", index))
        return Span(table, ends[0], ends[1] - ends[0] + 1)
