"""What became of the values of each run, and docs/journal-peers.md made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

INTRODUCTION = """\
<!-- Written by benchmarks/journal_peers.py. -->

# Who loses what

The same source, the same faults and the same oracle for our gateway and for programs like it.

The source is {units} devices of {tags} points, read every {poll} s as pages to be scraped or by Modbus. Every value is
a stamp that can be recognised for ever; a book is kept of what was served, and of what came to the receiver and was
confirmed. Each run has its own source, receiver and folder; they went on side by side on one busy machine, in batches:
{batches}.

All programs wait a second for the source and ten for the receiver. Where the longest pause between tries can be set, it
is five seconds; ours doubles it from one second to a quarter of a minute.

- **served**: values that were read until the fault was over. collectd and ThingsBoard ask for each point alone.
- **owed**: those of them after which the same program, before its end, asked for the same point again. A value that a
  kill cut, or that came in the last second before one, or while the source itself was not let run, is owed by nobody.
  In the row of 400, unwanted values are not owed.
- **lost**: owed, and never confirmed to the program by the receiver, {stalled} s after the last that came.
- **came twice**: confirmed more than once. **altered**: the bits are of no value that was served for that point.
  **wrong time**: more than one poll away from when it was served.
- **drained in**: from the end of the fault to the last value from before that end; what is lost does not count.
- **kept**: values in the files of our gateway's journal, read after its end; the others show no such book.

The stated versions were run with the options below, once: each row is what was counted in that run, and a row with few
losses may have none or more in the next. Every fault is of a process or a line, none of the machine's power: nothing
here tells whether a disk was written to.
"""


@dataclass(frozen=True, slots=True)
class Program:
    """One row of the programs: *options* says what is not its default."""

    name: str
    version: str
    path: str
    options: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the values of one run; *drained* is in seconds, *kept* is by the journal's own files.

    *why* is there when the run did not come to its end, and then nothing else.
    """

    program: str
    fault: str
    served: int = 0
    owed: int = 0
    lost: int = 0
    duplicated: int = 0
    altered: int = 0
    mistimed: int = 0
    drained: float = 0.0
    kept: int | None = None
    kept_lost: int | None = None
    quarantined: int | None = None
    why: str = ""


NOTES = """\
- **Prometheus** sends when five seconds or 2 000 samples have passed, and a new life sends nothing that is older than
  itself, whatever lies in its log on disk (prometheus/prometheus#8809, open): what was not sent before an end is lost,
  which is much of a life of 0.5 to 10 s. While it ran, a receiver that was away cost nothing.
- **400**: Prometheus, vmagent, the Collector and collectd drop the whole request, so their losses follow its size. Our
  gateway set aside the unwanted values alone, with the answer they got.
- **vmagent** lost at a kill what was not yet in its queue on disk.
- **ThingsBoard gateway** counted as delivered what no broker had confirmed: after a minute of silence its store was
  empty, and that minute was nowhere. Its rows of HTTP answers are absent, because MQTT has none; the oracle answers the
  one question without which it sends nothing (`getSessionLimits`). It asks for points one after the other and gives a
  time to what it has, which on this busy machine was at times more than a second off.
- **collectd** has no queue on disk, and drops what the receiver does not take.
- **Our gateway** sent again what was under way at a kill; receivers keep one of two equal samples.
"""

HOW = """\
collectd, vmagent, Prometheus and mosquitto are of the distribution's packages and brought by the script.
`GREENOPS_OTELCOL` names a Collector that was built from `prometheusreceiver`, `otlphttpexporter`, `filestorage` and the
provider `file` (Go build tag `remove_all_sd`), `GREENOPS_THINGSBOARD` the program of the Python package
`thingsboard-gateway`, in an environment with the pymodbus that it asks for. Then: `python benchmarks/journal_peers.py`.
Telegraf, Vector and Fluent Bit were not run.
"""


def page(introduction: str, programs: Sequence[Program], results: Sequence[Result], absent: Mapping[str, str]) -> str:
    """docs/journal-peers.md; *absent* says why a program was not run."""
    faults = dict.fromkeys(each.fault for each in results)
    found = {(each.program, each.fault): each for each in results}
    rows = [[fault, *(_share(found.get((each.name, fault))) for each in programs)] for fault in faults]
    lines = [introduction, "## Lost\n", _table(["fault", *(each.name for each in programs)], rows), NOTES]
    head = [
        "fault",
        "program",
        "served",
        "owed",
        "lost",
        "came twice",
        "altered",
        "wrong time",
        "drained in, s",
        "kept",
    ]
    ordered = [found[each.name, fault] for fault in faults for each in programs if (each.name, fault) in found]
    rows = [[each.fault, each.program, *_numbers(each)] for each in ordered]
    lines += ["## All numbers\n", _table(head, rows), "## The programs\n"]
    rows = [[each.name, each.version, each.path, each.options] for each in programs]
    lines.append(_table(["program", "version", "way", "not its default"], rows))
    lines += [f"Not run: {name}: {why}." for name, why in absent.items()]
    lines.append(HOW)
    return "\n".join(lines).rstrip() + "\n"


def _share(result: Result | None) -> str:
    if result is None:
        return "—"
    if result.why:
        return "did not run"
    return f"{result.lost} ({100 * result.lost / result.owed:.1f} %)" if result.lost else "**0**"


def _numbers(result: Result) -> list[str]:
    if result.why:
        return [result.why, *[""] * 7]
    kept = "" if result.kept is None else f"{result.kept}, of them lost {result.kept_lost}"
    if result.quarantined:
        kept += f", quarantined {result.quarantined}"
    counts = (result.served, result.owed, result.lost, result.duplicated, result.altered, result.mistimed)
    return [*map(str, counts), f"{result.drained:.1f}", kept]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
