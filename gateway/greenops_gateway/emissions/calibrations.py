"""Daily calibrations as they are recorded in the audit log, and what they say of an hour that is to be closed.

A parameter is judged from its first recorded calibration on: who records none, records them elsewhere. Of an hour that
was closed before a calibration was recorded, a revision must be asked for; each hour keeps what was known of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from greenops_gateway.cems.hour import Hour, StandardTime
from greenops_gateway.cems.qa.result import Result
from greenops_gateway.cems.qa.state import CalibrationEvent, out_of_control
from greenops_gateway.cems.reading import Calibration
from greenops_gateway.emissions.entry import AnalyserTests
from greenops_gateway.emissions.ledger import Ledger
from greenops_telemetry.audit import evidence
from greenops_telemetry.audit_chain import HEAD, Kind, Record
from greenops_telemetry.audit_proof import records

ACTION = "daily calibration"
_MINUTE = 60


class Recorded(NamedTuple):
    """A daily calibration of *parameter* at *stack* that ended at the Unix time *at*."""

    stack: str
    parameter: str
    at: float
    result: Result
    is_online: bool


def minute(text: str, zone: StandardTime) -> float:
    """The Unix time of a minute in local standard time.

    >>> minute("1970-01-02T03:12", StandardTime.of("+01:00"))
    94320.0

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text):
        raise ValueError(f"'{text}' is no minute; write it as 2026-01-31T09:12, in local standard time ({zone})")
    return datetime.fromisoformat(f"{text}:00+00:00").timestamp() - _MINUTE * int(zone)


def recorded(log: Iterable[Record], stack: str) -> list[Recorded]:
    """The calibrations of *stack* in the audit log, by their time."""
    found = []
    for record in log:
        match record.kind, record.what:
            case Kind.ACTION, {
                "action": str(action),
                "stack": str(of),
                "parameter": str(parameter),
                "at": str(at),
                "result": str(result),
                "online": bool(online),
            } if action == ACTION and of == stack:
                moment = datetime.fromisoformat(at).timestamp()
                found.append(Recorded(of, parameter, moment, Result(result), online))
    return sorted(found, key=lambda each: each.at)


class Calibrations:
    """Those of the stack of *ledger* in the audit log in *directory*."""

    def __init__(self, directory: Path, ledger: Ledger, zone: StandardTime) -> None:
        self._directory, self._ledger, self._zone = directory, ledger, zone
        self._seen: bytes | None = None
        self._found: Mapping[str, list[Recorded]] = {}

    def of(self, hour: Hour) -> AnalyserTests:
        """Whose analysers are out of control in *hour* (40 CFR 75 Appendix B, 2.1.4), and its calibrations.

        Raises:
            ConfigError: the audit log cannot be read.
            OSError: nor its head, or the ledger.
        """
        self._read()
        failing, within = set(), {}
        for parameter, every in self._found.items():
            known = [(self._zone.hour(each.at), each) for each in every]
            known = [(at, each) for at, each in known if at <= hour and each.result is not Result.INC]
            if not known:
                continue
            events = [self._event(at, each) for at, each in known]
            online = [place for place, event in enumerate(events) if event.is_online]
            if out_of_control(events[online[-1] if online else 0 :], self._operated(hour), range(hour, hour + 1)):
                failing.add(parameter)
            now = tuple(Calibration(each.at, each.result.is_passed) for at, each in known if at == hour)
            if now:
                within[parameter] = now
        return AnalyserTests(frozenset(failing), within)

    def _event(self, hour: Hour, each: Recorded) -> CalibrationEvent:
        return CalibrationEvent(
            hour, each.result, int(each.at - self._zone.begins(hour)) // _MINUTE, is_online=each.is_online
        )

    def _operated(self, last: Hour) -> Callable[[Hour], bool]:
        """Whether the stack operated in an hour; in *last*, and in what the ledger does not know, it may have."""

        def operated(hour: Hour) -> bool:
            entry = None if hour >= last else self._ledger.entry(hour)
            return entry is None or entry.closed.is_operating

        return operated

    def _read(self) -> None:
        """Read the log if there is a record that was not seen yet."""
        head = self._directory / HEAD
        seen = head.read_bytes() if head.exists() else b""
        if seen == self._seen:
            return
        found: dict[str, list[Recorded]] = {}
        if seen:
            for each in recorded(records(evidence(self._directory).log), self._ledger.stack):
                found.setdefault(each.parameter, []).append(each)
        self._found, self._seen = found, seen
