"""What the gateway keeps and owes: its journal, and the receivers of its samples."""

from __future__ import annotations

from greenops_alerting.annotation import Text, ask, label, mine, text, value
from greenops_alerting.promql import highest, over, select, total
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import DELIVERY_DELAY, Windows
from greenops_core import catalogue as c
from greenops_core.duration import duration

BOARD = "greenops-journal"
SITE = ("site",)
SINK = ("site", "sink")
_SINK = text("Sink ", label("sink"), " of site ", label("site"))
_COUNT = '{{ .Value | printf "%.0f" }}'


def _up(is_up: int, words: str, otherwise: str | Text) -> Text:
    return ask(f"max({mine(c.DELIVERY_UP)}) == {is_up}", words, words, otherwise)


_STATE = _up(
    0,
    "It takes nothing now.",
    _up(
        1,
        "It takes samples now, and catches up.",
        "The gateway's configuration does not name it any more: greenops-gateway journal forget closes its account.",
    ),
)


def failing(windows: Windows) -> Alert:
    """The disk does not take samples; they are in memory, and soon they are nowhere."""
    return Alert(
        "JournalFailing",
        f"{highest(SITE, select(c.JOURNAL_FAILING))} == 1",
        hold=windows.confirm,
        severity=Severity.PAGE,
        identity=SITE,
        summary="A gateway cannot write its samples to disk.",
        description=text(
            "Site ", label("site"), ": the disk takes no samples; most often it is full. They wait in memory, which "
            "is full within seconds or minutes; then the oldest are lost. Do not restart the gateway before the disk "
            "takes samples again: all that wait would be lost. Values are shown and limits are watched as before.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def samples_lost(windows: Windows) -> Alert:
    """Samples are gone for good, or gone before a sink had them."""
    dropped = total(SITE, over("increase", c.JOURNAL_DROPPED, windows.samples_lost))
    evicted = total(SITE, over("increase", c.DELIVERY_EVICTED, windows.samples_lost))
    return Alert(
        "JournalSamplesLost",
        f"{dropped} > 0\nor\n{evicted} > 0",
        hold="0s",
        severity=Severity.PAGE,
        identity=SITE,
        summary="Samples of a gateway were lost.",
        description=text(
            "Site ", label("site"), f", in the last {windows.samples_lost}: ",
            _lost(mine(c.JOURNAL_DROPPED, windows.samples_lost), "1234"),
            " samples so far are lost for good, since no disk took them; ",
            _lost(mine(c.DELIVERY_EVICTED, windows.samples_lost), "0"),
            " had to go before a sink had them. Which ones: greenops-gateway journal gaps.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def _lost(samples: str, example: str) -> Text:
    return ask(f"sum(increase({samples}))", _COUNT, example, "0")


def does_not_add_up(windows: Windows) -> Alert:
    """The proof that nothing was lost fails."""
    return Alert(
        "JournalDoesNotAddUp",
        f"{highest(SINK, select(c.DELIVERY_UNACCOUNTED))} > 0\nor\n{highest(SINK, select(c.DELIVERY_UNACCOUNTED))} < 0",
        hold=windows.confirm,
        severity=Severity.TICKET,
        identity=SINK,
        summary="The journal's account of a sink does not add up.",
        description=text(
            _SINK, ": committed less delivered, pending, quarantined and evicted is ", value("humanize", "12"),
            " samples, and must be 0. The program or the disk has a fault, or somebody changed the journal's files. "
            "Copy its directory before anything else is done.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def damaged(windows: Windows) -> Alert:
    """A file of the journal has places that cannot be read; most are found when a gateway starts after a while."""
    return Alert(
        "JournalDamaged",
        f"{total(SITE, over('increase', c.JOURNAL_DAMAGED, windows.damage))} > 0",
        hold="0s",
        severity=Severity.TICKET,
        identity=SITE,
        summary="The journal of a gateway has damaged places.",
        description=text(
            "Site ", label("site"), f", in the last {windows.damage}: ", value('printf "%.0f"', "2"),
            " places in the journal's files could not be read; all around them is kept. One after a loss of power is "
            "usual; more of them, or one without that, is a disk about to fail. Which ones: greenops-gateway journal "
            "verify.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def delivery_delayed(windows: Windows) -> Alert:
    """A sink does not get what it should; nothing is lost while the disk holds it."""
    return Alert(
        "DeliveryDelayed",
        f"{highest(SINK, select(c.DELIVERY_DELAY))} > {duration(DELIVERY_DELAY):g}",
        hold=windows.confirm,
        severity=Severity.TICKET,
        identity=SINK,
        summary="A receiver has not got its samples for too long.",
        description=text(
            _SINK, ": ",
            ask(f"max({mine(c.DELIVERY_PENDING)})", _COUNT, "162000"),
            " samples wait for it, the oldest for ", value("humanizeDuration", "45m 0s"),
            f" ({DELIVERY_DELAY} are allowed). ", _STATE, " The samples stay on disk meanwhile.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def quarantined(windows: Windows) -> Alert:
    """A receiver refused samples for good; a person decides what becomes of them."""
    return Alert(
        "DeliveryQuarantined",
        f"{highest(SINK, select(c.DELIVERY_QUARANTINED))} > 0",
        hold=windows.confirm,
        severity=Severity.TICKET,
        identity=SINK,
        summary="A receiver refused samples.",
        description=text(
            _SINK, ": it refused ", value('printf "%.0f"', "12"), " samples for good. They are set aside, and are sent "
            "again only when somebody says so; greenops-gateway journal quarantine lists them, with its answers.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def groups(windows: Windows) -> tuple[Group, ...]:
    """The file's groups."""
    builders = (failing, samples_lost, does_not_add_up, damaged, delivery_delayed, quarantined)
    return (Group("greenops-journal", "15s", tuple(build(windows) for build in builders)),)
