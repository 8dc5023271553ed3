"""The derived points at work: what is computed for each entry of ``derived``, and where its points go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from greenops_gateway.acquisition import Intake
from greenops_gateway.configuration import Gateway
from greenops_gateway.derived import Calculation, Derived, Key
from greenops_gateway.journal.keeping import Keeping
from greenops_gateway.point import PointSeries, series
from greenops_gateway.tally import Tally
from greenops_telemetry.live import Live


@dataclass(slots=True)
class Derivation:
    """One entry."""

    config: Derived
    calculation: Calculation
    intakes: dict[tuple[str, ...], Intake]
    tally: Tally


class Derivations:
    """All entries; another configuration may take the place of the one at work."""

    def __init__(self, live: Live, keeping: Keeping | None = None) -> None:
        self._live, self._keeping = live, keeping or Keeping()
        self._all: dict[str, Derivation] = {}

    def leave(self, config: Gateway) -> list[str]:
        """End what *config* has not, or otherwise. What changed, in words."""
        wanted = {each.name: each for each in config.derived}
        told = [f"derived {name}: added" for name in wanted if name not in self._all]
        for name, derivation in list(self._all.items()):
            if wanted.get(name) == derivation.config:
                continue
            told.append(f"derived {name}: {'changed' if name in wanted else 'removed'}")
            del self._all[name]
            derivation.tally.forget()
            for intake in derivation.intakes.values():
                intake.forget()
        return told

    def take(self, config: Gateway, now: float) -> None:
        """Compute as *config* says; a point that stays keeps what it shows. ``feed`` must follow."""
        before, self._all = self._all, {}
        for each in config.derived:
            all_series = tuple(series(config.site, each, point) for point in each.points)
            calculation = Calculation(each, all_series, (*config.devices, *config.derived))
            if (kept := before.get(each.name)) is None:
                self._all[each.name] = self._new(each, calculation, all_series, now)
                continue
            kept.calculation = calculation
            for intake in kept.intakes.values():
                intake.freshen(calculation.freshness)
            self._all[each.name] = kept

    def feed(self, intakes: Mapping[Key, Intake]) -> None:
        """Connect the computations with *intakes*, all points there are, and tell them what is known of each."""
        for key, intake in intakes.items():
            intake.calculations = tuple(
                each.calculation for each in self._all.values() if key in each.calculation.inputs
            )
            if (last := intake.last) is not None:
                for calculation in intake.calculations:
                    calculation.take(last)

    def stepped(self, by: float) -> None:
        """The clock was set, *by* seconds forward. ``feed`` must follow."""
        for derivation in self._all.values():
            derivation.calculation.forget()
            for intake in derivation.intakes.values():
                intake.stepped(by)

    def intakes(self) -> Iterator[Intake]:
        """Every derived point."""
        for derivation in self._all.values():
            yield from derivation.intakes.values()

    def tick(self, now: float, *, trusted: bool) -> None:
        """Compute what is due; *trusted* is whether the clock is."""
        for derivation in self._all.values():
            due = [(derivation.intakes[sample.labels], sample) for sample in derivation.calculation.due(now)]
            self._keeping.put([(intake, intake.judge(sample, now, trusted=trusted)) for intake, sample in due], now)
            lost = ((intake, intake.tick(now)) for intake in derivation.intakes.values())
            self._keeping.put([(intake, sample) for intake, sample in lost if sample is not None], now)
            derivation.tally.tell(now)

    def _new(self, config: Derived, calculation: Calculation, to: tuple[PointSeries, ...], now: float) -> Derivation:
        tally = Tally(to[0].labels[:3], self._live, self._keeping.gap)
        intakes: dict[tuple[str, ...], Intake] = {
            each.labels: Intake(
                each, point, self._live, tally, self._keeping.number(each), freshness=calculation.freshness, now=now
            )
            for each, point in zip(to, config.points, strict=True)
        }
        return Derivation(config, calculation, intakes, tally)
