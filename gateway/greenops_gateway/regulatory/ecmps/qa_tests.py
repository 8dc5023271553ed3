"""The tests of a QA file of ECMPS, and whether what they report is what their injections and runs come to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.qa.bias import bias_adjustment_factor
from greenops_gateway.cems.qa.calibration import COMPONENTS
from greenops_gateway.cems.qa.linearity import linearity_error
from greenops_gateway.cems.qa.rata import RelativeAccuracy, Run, System, relative_accuracy
from greenops_gateway.cems.working import Working
from greenops_gateway.regulatory.ecmps.upload import Record, decimal, needed, records, text

LINEARITY_TOLERANCE = Decimal("0.1")
ACCURACY_TOLERANCE = Decimal("0.01")
FACTOR_TOLERANCE = Decimal("0.001")
"""By which a reported value may be off, in its own unit (EPA's cross check 37)."""


class QaTest(NamedTuple):
    """What every test has: *kind* as LINE, RATA, 7DAY; *number* is its name."""

    number: str
    kind: str
    system: str
    component: str
    scale: str
    result: str
    location: str


class Level(NamedTuple):
    """A gas level of a linearity check: *injections* are of reference and measured value."""

    test: QaTest
    level: str
    percent_error: Decimal
    is_alternative: bool
    mean_reference: Decimal | None
    mean_measured: Decimal | None
    injections: tuple[tuple[Decimal, Decimal], ...]


class Rata(NamedTuple):
    """A relative accuracy test audit at one operating level."""

    test: QaTest
    level: str
    frequency: str
    relative_accuracy: Decimal
    mean_difference: Decimal | None
    standard_deviation: Decimal | None
    confidence_coefficient: Decimal | None
    t_value: Decimal | None
    bias_adjustment_factor: Decimal | None
    runs: tuple[Run, ...]


class CalibrationInjection(NamedTuple):
    """A pair of injections of a 7-day calibration error test."""

    test: QaTest
    zero: tuple[Decimal, Decimal]
    upscale: tuple[Decimal, Decimal]
    upscale_level: str
    zero_error: Decimal | None
    upscale_error: Decimal | None


class QaFile(NamedTuple):
    """What is used of the file; the rest of it stays in the file."""

    oris_code: int
    tests: tuple[QaTest, ...]
    linearity: tuple[Level, ...]
    ratas: tuple[Rata, ...]
    calibrations: tuple[CalibrationInjection, ...]


class Recomputed(NamedTuple):
    """What was *told* of *what* and what it comes to by *working*; they *fit* within EPA's tolerance."""

    what: str
    told: Decimal
    working: Working
    fits: bool


def qa_file(document: Record) -> QaFile:
    """The tests in *document*, as ``upload`` read it.

    Raises:
        ValueError: it is none; with the test.
    """
    if "testSummaryData" not in document:
        raise ValueError("there is no testSummaryData: this is no QA file of ECMPS")
    tests: list[QaTest] = []
    linearity: list[Level] = []
    ratas: list[Rata] = []
    calibrations: list[CalibrationInjection] = []
    for record in records(document, "testSummaryData"):
        test = _test(record)
        tests.append(test)
        try:
            linearity += [_level(test, each) for each in records(record, "linearitySummaryData")]
            ratas += [each for rata in records(record, "rataData") for each in _rata(test, rata)]
            calibrations += [_calibration(test, each) for each in records(record, "calibrationInjectionData")]
        except ValueError as error:
            raise ValueError(f"test {test.number}: {error}") from None
    return QaFile(int(needed(document, "orisCode")), tuple(tests), tuple(linearity), tuple(ratas), tuple(calibrations))


def recomputed(file: QaFile, kinds: Mapping[str, str]) -> Iterator[Recomputed]:
    """Each result of *file* beside what it comes to; *kinds* has component and system types by id, where known.

    A linearity check whose component is not known is computed as one of SO2 or NOx, a test of a system as one of NOx
    rate: the alternative specifications and the bias of others differ.

    Raises:
        ValueError: a test is such that nothing can be computed.
    """
    for level in file.linearity:
        component = COMPONENTS.get(kinds.get(level.test.component, ""), COMPONENTS["NOX"])
        found = linearity_error(component, level.injections, is_alternative=level.is_alternative).working
        yield _compared(f"{level.test.number} {level.level}", level.percent_error, found, LINEARITY_TOLERANCE)
    for rata in file.ratas:
        what = f"{rata.test.number} {rata.level}"
        runs = relative_accuracy(rata.runs)
        yield _compared(f"{what} RA", rata.relative_accuracy, runs.relative_accuracy, ACCURACY_TOLERANCE)
        if rata.bias_adjustment_factor is not None:
            yield _factor(f"{what} BAF", rata.bias_adjustment_factor, runs, _system(kinds.get(rata.test.system, "")))


def _factor(what: str, told: Decimal, runs: RelativeAccuracy, system: System) -> Recomputed:
    """By the formula, or by the option of a low emitter, which may be taken or not."""
    options = [bias_adjustment_factor(runs, system, is_low_emitter_capped=capped) for capped in (True, False)]
    nearest = min(options, key=lambda each: abs(each.value - told))
    return _compared(what, told, nearest, FACTOR_TOLERANCE)


def _compared(what: str, told: Decimal, working: Working, tolerance: Decimal) -> Recomputed:
    return Recomputed(what, told, working, abs(told - working.value) <= tolerance)


def _system(kind: str) -> System:
    return System(kind) if kind in {each.value for each in System} else System.NOX


def _test(record: Record) -> QaTest:
    return QaTest(
        text(record, "testNumber"),
        text(record, "testTypeCode"),
        text(record, "monitoringSystemID"),
        text(record, "componentID"),
        text(record, "spanScaleCode"),
        text(record, "testResultCode"),
        text(record, "unitId") or text(record, "stackPipeId"),
    )


def _level(test: QaTest, record: Record) -> Level:
    return Level(
        test,
        text(record, "gasLevelCode"),
        needed(record, "percentError"),
        bool(record.get("apsIndicator")),
        decimal(record, "meanReferenceValue"),
        decimal(record, "meanMeasuredValue"),
        tuple(
            (needed(each, "referenceValue"), needed(each, "measuredValue"))
            for each in records(record, "linearityInjectionData")
        ),
    )


def _rata(test: QaTest, record: Record) -> Iterator[Rata]:
    for summary in records(record, "rataSummaryData"):
        runs = tuple(
            Run(needed(each, "cemValue"), needed(each, "rataReferenceValue"), text(each, "runStatusCode") == "RUNUSED")
            for each in sorted(records(summary, "rataRunData"), key=lambda each: needed(each, "runNumber"))
        )
        yield Rata(
            test,
            text(summary, "operatingLevelCode"),
            text(record, "rataFrequencyCode"),
            needed(summary, "relativeAccuracy"),
            decimal(summary, "meanDifference"),
            decimal(summary, "standardDeviationDifference"),
            decimal(summary, "confidenceCoefficient"),
            decimal(summary, "tValue"),
            decimal(summary, "biasAdjustmentFactor"),
            runs,
        )


def _calibration(test: QaTest, record: Record) -> CalibrationInjection:
    return CalibrationInjection(
        test,
        (needed(record, "zeroReferenceValue"), needed(record, "zeroMeasuredValue")),
        (needed(record, "upscaleReferenceValue"), needed(record, "upscaleMeasuredValue")),
        text(record, "upscaleGasLevelCode"),
        decimal(record, "zeroCalibrationError"),
        decimal(record, "upscaleCalibrationError"),
    )
