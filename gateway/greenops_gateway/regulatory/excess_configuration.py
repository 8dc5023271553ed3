"""What an excess emission report is told by its file: facility, limits, monitors, and what people found out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from greenops_core.errors import ConfigError, Mistakes, nearest
from greenops_gateway.cems.hour import Hour, read
from greenops_gateway.cems.limit_window import read as read_averaging
from greenops_gateway.regulatory.amount import POSITIVE, SHARE, check_amounts
from greenops_gateway.regulatory.excess_emissions import Cause, DowntimeCause, Explained
from greenops_telemetry.configuration import Section

Text = Annotated[str, Meta(min_length=1)]


class Facility(Section, frozen=True, kw_only=True):
    """Who reports; the summary form asks for each of these."""

    name: Text
    address: str = ""
    operator: str = ""
    permit: str = ""
    process_unit: str = ""


class Monitor(Section, frozen=True, kw_only=True):
    """The monitor of a parameter, and its last certification or audit."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    certified: date | None = None


class Limit(Section, frozen=True, kw_only=True):
    """A limit on *parameter*, over *averaging* in the words of ``cems.limit_window``, such as ``30 operating days``.

    An average is valid from the share *minimum* of its hours on. *per_load*: all mass by all load. Averages are
    compared with *decimals*, unrounded where that is not given.
    """

    name: Text
    parameter: Text
    limit: Decimal
    unit: Text
    averaging: Text
    minimum: Decimal = Decimal("0.75")
    counts_startup: bool = True
    per_load: bool = False
    decimals: Annotated[int, Meta(ge=0, le=6)] | None = None
    clause: str = ""
    monitor: Monitor = Monitor()

    def check(self) -> None:
        """Raises ConfigError: a number cannot be, or the averaging is none of which an hour can be in excess."""
        check_amounts(self, {"limit": POSITIVE, "minimum": SHARE})
        try:
            averaging = read_averaging(self.averaging)
        except ValueError as error:
            raise ConfigError(str(error), ("averaging",)) from None
        if averaging.share is not None:
            raise ConfigError(f"'{averaging}' is a share of a year: no hour is in excess of it", ("averaging",))


class Explanation(Section, frozen=True, kw_only=True):
    """What a person found out about the hours from *first* to *last*, such as ``2026-01-31T09``; both are in it.

    *parameter*: only of limits on that one.
    """

    what: Literal["excess", "downtime"]
    first: str = ""
    last: str = ""
    parameter: str = ""
    cause: str
    why: Text
    action: str = ""

    def explained(self) -> Explained:
        """The same for ``excess``.

        Raises:
            ConfigError: the cause or an hour is none.
        """
        causes = [cause.value for cause in (Cause if self.what == "excess" else DowntimeCause)]
        if self.cause not in causes:
            told = nearest(self.cause, causes)
            raise ConfigError(f"'{self.cause}' is no cause of {_WORDS[self.what]}{told}", ("cause",))
        first, last = (hour_of(getattr(self, key), key) for key in ("first", "last"))
        if last < first:
            raise ConfigError("it ends before it begins", ("last",))
        return Explained(first, last, self.cause, self.why, self.action)


_WORDS = {"excess": "excess emissions", "downtime": "monitor downtime"}


class ExcessConfiguration(Section, frozen=True, kw_only=True):
    """*changes* tells what changed in monitors, process or controls since the last report."""

    facility: Facility
    stack: Text
    limits: Annotated[tuple[Limit, ...], Meta(min_length=1)]
    explanations: tuple[Explanation, ...] = ()
    changes: str = ""
    certified_by: str = ""
    """Name and title of who certifies it; the signature is theirs."""

    def known(self, what: str, parameter: str) -> tuple[Explained, ...]:
        """What was found out about *what* of limits on *parameter*."""
        return tuple(
            each.explained() for each in self.explanations if each.what == what and each.parameter in {"", parameter}
        )

    def check(self) -> None:
        """Raises ConfigError: a limit or an explanation does not fit, with the path to it; ConfigErrors: several."""
        mistakes = Mistakes()
        for number, limit in enumerate(self.limits):
            with mistakes.within("limits", number):
                limit.check()
        parameters = {limit.parameter for limit in self.limits}
        for number, each in enumerate(self.explanations):
            with mistakes.within("explanations", number):
                each.explained()
                if each.parameter and each.parameter not in parameters:
                    raise ConfigError(
                        f"no limit is on '{each.parameter}'{nearest(each.parameter, parameters)}", ("parameter",)
                    )
        mistakes.tell()


def hour_of(text: str, key: str) -> Hour:
    """The hour that *text* writes. Raises ConfigError: none, with *key* as the path."""
    try:
        return read(text)
    except ValueError as error:
        raise ConfigError(str(error), (key,)) from None
