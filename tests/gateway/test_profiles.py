"""Every profile that comes with the gateway: it is read back right from a device with that very map.

What the simulated device sends is compared with what pymodbus makes of it, and the gateway's own reading with both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin

import stack
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway import profile
from greenops_gateway.modbus.configuration import ModbusDevice, ModbusPoint
from greenops_gateway.modbus.driver import PLUGIN
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.modbus.plan import Span
from greenops_gateway.modbus.simulator import simulate
from greenops_gateway.modbus.source import Source
from greenops_gateway.plugin import Desk
from greenops_gateway.point import PointSeries, series
from greenops_gateway.simulator.process import Plant
from greenops_gateway.simulator.script import Script, Step
from greenops_telemetry.configuration import convert

T0 = 1_790_000_000.0
NOWHERE = Path("/nonexistent")
NAMES = [name for name in profile.known(NOWHERE) if profile.load(name, NOWHERE).protocol == "modbus"]
DATATYPES = {
    "u16": ModbusClientMixin.DATATYPE.UINT16,
    "i16": ModbusClientMixin.DATATYPE.INT16,
    "u32": ModbusClientMixin.DATATYPE.UINT32,
    "i32": ModbusClientMixin.DATATYPE.INT32,
    "i64": ModbusClientMixin.DATATYPE.INT64,
    "f32": ModbusClientMixin.DATATYPE.FLOAT32,
    "f64": ModbusClientMixin.DATATYPE.FLOAT64,
}
# What each says of itself, by the manual; a device that says nothing has none.
SAID: Mapping[str, tuple[str, ...]] = {
    "sick-marsic300": ("calibration", "device_fault", "maintenance"),
    "sick-gm32": ("calibration", "device_fault", "maintenance"),
    "sick-visic100sf": ("device_fault",),
    "siemens-siprocess-ga700": ("calibration", "device_fault", "maintenance", "warm_up"),
    "teledyne-t300": ("calibration", "device_fault"),
    "eastron-sdm630": (),
    "fci-st100a": (),
    "schneider-iem3000": (),
}


def device(name: str) -> ModbusDevice:
    raw = profile.load(name, NOWHERE).device
    made = convert({"name": "d-1", "link": "link-1", "stack": "stack-1", **raw}, ModbusDevice)
    made.check()
    return made


@asynccontextmanager
async def simulating(of: ModbusDevice, plant: Plant) -> AsyncIterator[ModbusLink]:
    at = convert({"protocol": "modbus", "host": "127.0.0.1", "port": stack.free_port()}, ModbusLink)
    async with simulate(at, [of], plant, clock=lambda: T0):
        yield at


async def read(of: ModbusDevice, at: ModbusLink) -> list[Sample]:
    """One poll by the gateway."""
    all_series = tuple(series("site", of, point) for point in of.points)

    def nobody(*_: object) -> None:
        """Whom nothing is told."""

    desk = Desk(of, all_series, nobody, nobody, nobody, nobody, clock=lambda: T0)
    found: dict[tuple[str, ...], Sample] = {}
    async with PLUGIN.connect(at, [desk]) as batches:
        async for batch in batches:
            found.update((sample.labels, sample) for sample in batch)
            if len(found) == len(of.points):
                break
    return [found[each.labels] for each in desk.series]


def test_the_profiles_are_those_that_are_tested() -> None:
    assert set(NAMES) == set(SAID)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_says_where_its_facts_come_from(name: str) -> None:
    about = profile.load(name, NOWHERE).about
    assert about.title
    assert about.maker
    assert len(about.source) > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_explains_itself(name: str) -> None:
    of = device(name)
    text = "\n".join(of.explain())
    assert all(f"{point.name}: {point.unit} from " in text for point in of.points)
    assert all(point.range is not None for point in of.points), "probe needs ranges to tell word orders apart"


def stranger(point: ModbusPoint, source: Source, registers: Sequence[int]) -> float:
    """What pymodbus makes of *registers*, in the point's unit."""
    order = {"ABCD": "big", "CDAB": "little"}[source.order]
    number: Any = AsyncModbusTcpClient.convert_from_registers(list(registers), DATATYPES[source.type], order)  # type: ignore[arg-type]  # text, not a literal
    return float(number) * point.scale + point.offset


MARSIC = [("discrete", at) for at in (1000, 1002, 1003, 1004, 1024, 1025, 1026)]
# What the manuals say, on the wire: table, address and registers of a value, and what judges it.
FACTS: list[tuple[str, str, Span, list[tuple[str, int]] | None]] = [
    ("sick-marsic300", "so2", Span("input", 1000, 2), MARSIC),
    ("sick-marsic300", "o2", Span("input", 1020, 2), None),
    ("sick-gm32", "component_2", Span("input", 5017, 2), [("input", 5019)]),
    ("sick-gm32", "pressure", Span("input", 5288, 2), []),
    ("sick-visic100sf", "dust", Span("holding", 103, 2), [("holding", 105)]),
    ("sick-visic100sf", "co", Span("holding", 108, 2), [("holding", 110)]),
    ("sick-visic100sf", "no", Span("holding", 113, 2), [("holding", 115)]),
    ("siemens-siprocess-ga700", "component_2", Span("input", 14, 2), [("input", 16)]),
    ("siemens-siprocess-ga700", "pressure", Span("input", 62, 2), [("input", 64)]),
    ("teledyne-t300", "co", Span("input", 18, 2), [("discrete", at) for at in (14, 15, 16, 17, 18)]),
    ("teledyne-t300", "sample_pressure", Span("input", 34, 2), None),
    ("fci-st100a", "total_volume", Span("holding", 4104, 4), []),
    ("fci-st100a", "pressure", Span("holding", 4108, 2), []),
    ("eastron-sdm630", "power", Span("input", 52, 2), []),
    ("eastron-sdm630", "import_energy", Span("input", 72, 2), []),
    ("schneider-iem3000", "power", Span("holding", 3059, 2), []),
    ("schneider-iem3000", "import_energy", Span("holding", 3203, 4), []),
]


@pytest.mark.parametrize(("name", "point", "span", "judges"), FACTS)
def test_a_value_is_asked_for_where_the_manual_has_it(
    name: str, point: str, span: Span, judges: list[tuple[str, int]] | None
) -> None:
    of = device(name)
    source = dict(zip((each.name for each in of.points), of.sources(), strict=True))[point]
    assert source.span == span
    if judges is not None:
        assert [(status.span.table, status.span.address) for status in source.status] == judges


@pytest.mark.parametrize("name", NAMES)
async def test_each_point_is_read_back_right(name: str) -> None:
    of, plant = device(name), Plant()
    expected = plant.values(of, T0)
    async with simulating(of, plant) as at:
        asker = AsyncModbusTcpClient("127.0.0.1", port=at.at_port, retries=0)
        assert await asker.connect()
        strangers = {}
        for point, source in zip(of.points, of.sources(), strict=True):
            ask = {"input": asker.read_input_registers, "holding": asker.read_holding_registers}[source.span.table]
            answer = await ask(source.span.address, count=source.span.count, device_id=of.unit)
            assert not answer.isError()
            strangers[point.name] = stranger(point, source, answer.registers)
        asker.close()
        samples = await read(of, at)
    for point, sample in zip(of.points, samples, strict=True):
        value = value_of(of, point, sample)
        rounding = abs(point.scale) if of.sources()[of.points.index(point)].type[0] in "ui" else 0.0
        wanted = pytest.approx(expected[point.name], rel=1e-6, abs=max(0.51 * rounding, 1e-9))
        assert strangers[point.name] == wanted
        assert value == wanted
        assert (sample.quality, sample.reason) == (Quality.GOOD, Reason.NONE)
        assert point.range is None or point.range[0] <= value <= point.range[1]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_sound_device_says_is_doubted(name: str) -> None:
    of, plant = device(name), Plant()
    for at in range(0, 7200, 60):
        values = plant.values(of, T0 + at)
        assert not [told for point, value in values.items() if (told := of.doubt(point, value))]


def value_of(of: ModbusDevice, point: ModbusPoint, sample: Sample) -> float:
    """The value in the point's own unit."""
    to: PointSeries = series("site", of, point)
    return to.to_base.from_base(sample.value)


@pytest.mark.parametrize(("name", "state"), [(name, state) for name, states in SAID.items() for state in states])
async def test_a_state_that_the_device_says_reaches_its_values(name: str, state: str) -> None:
    of = device(name)
    judged = [bool(source.status) for source in of.sources()]
    assert any(judged)
    plant = Plant(script=Script([convert({"state": {"d-1": state}}, Step)]), since=T0)
    async with simulating(of, plant) as at:
        samples = await read(of, at)
    says = [
        any(
            state in {*status.bits.values(), *status.clear.values(), *(status.values or {}).values()} for status in each
        )
        for each in (source.status for source in of.sources())
    ]
    assert any(says)
    for sample, said in zip(samples, says, strict=True):
        assert sample.reason is (Reason(state) if said else Reason.NONE)
        assert (sample.quality is Quality.GOOD) is not said
