"""Every equation: by hand, against vectors made apart, against hours reported to EPA, and what holds between them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stack
from equation_vectors import VECTORS, Vector
from greenops_gateway.cems.decimals import rounded
from greenops_gateway.cems.equation import EQUATIONS, EquationError, Kind, evaluate, find, solve
from greenops_gateway.cems.equation_page import page
from greenops_gateway.cems.formula import arithmetic
from greenops_gateway.cems.fuel import F_FACTORS

D = Decimal


class Golden(TypedDict):
    equation: str
    inputs: dict[str, str]
    exact: str
    rounded: str


class Adjusted(TypedDict):
    parameter: str
    factor: str
    value: str


class Reported(TypedDict):
    """An hour of *plant*: each of *chain* is equation, parameter and value; the value is an input of the next."""

    plant: str
    inputs: dict[str, str]
    bias_adjusted: NotRequired[Adjusted]
    chain: list[tuple[str, str, str]]


HERE = Path(__file__).parent
RECORDS = stack.ROOT.parent / "shared" / "data" / "cems"
GOLDEN: list[Golden] = json.loads((HERE / "golden_equations.json").read_text())["vectors"]
HOURS: list[Reported] = json.loads((HERE / "full_hours.json").read_text())["hours"]
LAST_DIGIT = D("1e-27")
"""One in the 28th digit: where an order of operations, or a tie that is not taken half up, may show."""

ppms = st.decimals(min_value="0.1", max_value=3000, places=1)
flows = st.integers(min_value=1000, max_value=90000).map(lambda thousands: D(1000 * thousands))
carbons = st.decimals(min_value="0.5", max_value=18, places=1)
oxygens = st.decimals(min_value="0.1", max_value=19, places=1)
moistures = st.decimals(min_value=0, max_value=40, places=1)
fuels = st.sampled_from(sorted(F_FACTORS))


def numbers(texts: dict[str, str]) -> dict[str, Decimal]:
    return {symbol: D(text) for symbol, text in texts.items()}


def close(one: Decimal, other: Decimal, relative: str = "1e-24") -> bool:
    return abs(one - other) <= D(relative) * max(abs(one), abs(other))


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_by_hand(vector: Vector) -> None:
    result = solve(vector.equation, vector.inputs)
    assert (result.exact, str(result.working.value)) == (vector.exact, vector.rounded)


def test_every_equation_was_worked_out_by_hand() -> None:
    assert {vector.equation for vector in VECTORS} == set(EQUATIONS)


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: str(vector["equation"]))
def test_made_apart(vector: Golden) -> None:
    result = solve(vector["equation"], numbers(vector["inputs"]))
    assert close(result.exact, D(vector["exact"]), str(LAST_DIGIT))
    assert str(result.working.value) == vector["rounded"]


def test_of_26_vectors_made_apart_one_differs_in_the_28th_digit() -> None:
    """2/7000 ends in a tie there, which the vector took to even; half up is also nearer to the true value."""
    off = [
        each["equation"]
        for each in GOLDEN
        if solve(each["equation"], numbers(each["inputs"])).exact != D(each["exact"])
    ]
    assert (len(GOLDEN), off) == (26, ["D-1H"])


@pytest.mark.parametrize("hour", HOURS, ids=lambda hour: str(hour["plant"]))
def test_hours_as_reported(hour: Reported) -> None:
    known = numbers(hour["inputs"])
    for name, parameter, reported in hour["chain"]:
        value = evaluate(name, known).value
        assert (parameter, value) == (EQUATIONS[name].parameter, D(reported))
        known[parameter] = value
    if adjusted := hour.get("bias_adjusted"):
        value = rounded(known[adjusted["parameter"]] * D(adjusted["factor"]), 3)
        assert str(value) == adjusted["value"]


def test_hours_as_published() -> None:
    """Barry unit 3: NOx mass is rate times heat input; CO2 and heat input come from the same flow and CO2."""
    path = RECORDS / "campd_hourly.csv"
    if not path.exists():
        pytest.skip(f"needs the hourly records of EPA's Clean Air Markets (campd_hourly.csv) in {RECORDS}")
    with path.open(newline="") as file:
        hours = list(csv.DictReader(file))
    assert hours
    for hour in hours:
        heat = D(hour["heat_input_mmbtu"])
        nox = evaluate("F-24A", {"NOXR": D(hour["nox_rate_lb_mmbtu"]), "HI": heat})
        assert nox.value == D(hour["nox_mass_lb"])
        flow = heat * 100 * F_FACTORS["bituminous"].fc / 12
        assert evaluate("F-15", {"FLOW": flow, "CO2C": D(12), "Fc": F_FACTORS["bituminous"].fc}).value == heat
        assert evaluate("F-11", {"FLOW": flow, "CO2C": D(12)}).value == D(hour["co2_mass_tons"])


@given(flows, carbons, fuels)
def test_carbon_dioxide_per_heat_depends_on_the_fuel_alone(flow: Decimal, carbon: Decimal, fuel: str) -> None:
    given_to_both = {"FLOW": flow, "CO2C": carbon, "Fc": F_FACTORS[fuel].fc}
    ratio = solve("F-11", given_to_both).exact / solve("F-15", given_to_both).exact
    assert close(ratio, D("5.7e-7") * 100 * F_FACTORS[fuel].fc)


@given(flows, carbons, moistures)
def test_dry_and_wet_forms_agree(flow: Decimal, dry: Decimal, moisture: Decimal) -> None:
    shares = {"FLOW": flow, "H2O": moisture, "Fc": D(1800)}
    wet = dry * (100 - moisture) / 100
    for dry_form, wet_form in (("F-2 CO2", "F-11"), ("F-16", "F-15"), ("C-7", "C-6")):
        assert close(solve(dry_form, {**shares, "CO2C": dry}).exact, solve(wet_form, {**shares, "CO2C": wet}).exact)
    for dry_form, wet_form, symbol in (("F-2", "F-1", "SO2C"), ("F-26B", "F-26A", "NOXC"), ("HC-3", "HC-2", "HCLC")):
        assert close(solve(dry_form, {**shares, symbol: dry}).exact, solve(wet_form, {**shares, symbol: wet}).exact)


@given(ppms, oxygens, moistures, flows)
def test_every_way_to_measure_oxygen_gives_one_rate(
    ppm: Decimal, oxygen: Decimal, moisture: Decimal, flow: Decimal
) -> None:
    """The same stack gas, seen dry or wet by either analyser."""
    dry_share = (100 - moisture) / 100
    constants = {"Fd": D(9780), "H2O": moisture, "FLOW": flow, "O2CAP": oxygen}
    rate = solve("19-1", {**constants, "NOXC": ppm, "O2C": oxygen}).exact
    for code, is_dry, diluent in (
        ("19-3", False, oxygen * dry_share),
        ("19-3D", False, oxygen),
        ("19-4", False, oxygen),
        ("19-5", True, oxygen * dry_share),
        ("19-5D", True, oxygen),
    ):
        seen = ppm if is_dry else ppm * dry_share
        assert close(solve(code, {**constants, "NOXC": seen, "O2C": diluent}).exact, rate, "1e-22"), code
    heat = solve("F-18", {**constants, "O2C": oxygen}).exact
    assert close(solve("F-17", {**constants, "O2C": oxygen * dry_share}).exact, heat, "1e-22")
    assert close(rate * heat, solve("F-26B", {**constants, "NOXC": ppm}).exact, "1e-22"), "rate times heat is the mass"


@given(ppms, carbons, moistures)
def test_every_way_to_measure_carbon_dioxide_gives_one_rate(ppm: Decimal, carbon: Decimal, moisture: Decimal) -> None:
    dry_share = (100 - moisture) / 100
    constants = {"Fc": D(1800), "H2O": moisture}
    rate = solve("19-6", {**constants, "NOXC": ppm, "CO2C": carbon}).exact
    for code, seen, diluent in (
        ("19-7", ppm * dry_share, carbon * dry_share),
        ("19-8", ppm * dry_share, carbon),
        ("19-9", ppm, carbon * dry_share),
    ):
        assert close(solve(code, {**constants, "NOXC": seen, "CO2C": diluent}).exact, rate), code


@given(oxygens, oxygens, ppms)
def test_more_oxygen_means_a_higher_rate_for_the_same_reading(one: Decimal, other: Decimal, ppm: Decimal) -> None:
    rates = [solve("F-5", {"NOXC": ppm, "O2C": oxygen, "Fd": D(8710)}).exact for oxygen in sorted((one, other))]
    assert rates == sorted(rates)


@given(oxygens, moistures, fuels)
def test_moisture_is_found_again_from_two_oxygen_readings(oxygen: Decimal, moisture: Decimal, fuel: str) -> None:
    wet = oxygen * (100 - moisture) / 100
    assert close(1 + solve("F-31", {"O2D": oxygen, "O2W": wet}).exact, 1 + moisture, "1e-22")
    factors = {"Fc": F_FACTORS[fuel].fc, "Fd": F_FACTORS[fuel].fd, "H2O": moisture}
    dry_carbon = solve("F-14A", {**factors, "O2C": oxygen}).exact
    assert close(solve("F-14B", {**factors, "O2C": wet}).exact, dry_carbon * (100 - moisture) / 100, "1e-22")


@pytest.mark.parametrize(
    ("name", "inputs", "symbol", "words"),
    [
        pytest.param("F-5", {"NOXC": "50", "O2C": "20.9", "Fd": "8710"}, "O2C", "above 0; O2C is 20.9", id="air"),
        pytest.param("F-5", {"NOXC": "50", "O2C": "21.3", "Fd": "8710"}, "O2C", "O2C is 21.3", id="more than air"),
        pytest.param("19-5", {"NOXC": "5", "O2C": "16.72", "H2O": "20", "Fd": "9780"}, "O2C", "O2C", id="wet air"),
        pytest.param("19-2", {"NOXC": "5", "O2C": "20.5", "Fw": "10640"}, "O2C", "BWA is 0.027", id="moist air"),
        pytest.param("F-6", {"NOXC": "50", "CO2C": "0.0", "Fc": "1040"}, "CO2C", "above 0", id="no CO2"),
        pytest.param("F-2", {"SO2C": "50", "FLOW": "1000", "H2O": "100"}, "H2O", "below 100", id="all water"),
        pytest.param("F-1", {"SO2C": "-0.1", "FLOW": "1000"}, "SO2C", "at least 0", id="negative concentration"),
        pytest.param("F-1", {"SO2C": "5"}, "FLOW", "absent", id="absent input"),
        pytest.param("F-1", {"SO2C": "5", "FLOW": "Infinity"}, "FLOW", "FLOW is Infinity", id="endless flow"),
        pytest.param("F-1", {"SO2C": "NaN", "FLOW": "5"}, "SO2C", "SO2C is NaN", id="no number"),
        pytest.param("F-31", {"O2D": "6", "O2W": "6.5"}, "O2W", "O2D is 6", id="wet oxygen above dry"),
        pytest.param("A-4", {"HG": "0.01", "LOAD": "0"}, "LOAD", "above 0", id="no load"),
        pytest.param("D-15A", {"HI": "5", "T": "1", "TU": "0"}, "TU", "above 0", id="no time"),
        pytest.param("D-15A", {"HI.gas": "5", "T.oil": "1", "TU": "1"}, "HI.oil", "absent", id="time of another fuel"),
        pytest.param("D-15A", {"HI": "5", "T.oil": "1", "T.gas": "1", "TU": "1"}, "HI.gas", "absent", id="one for two"),
        pytest.param("F-8", {"X.a": "0.5", "X.b": "0.4", "Fc.a": "1", "Fc.b": "1"}, "X", "shares", id="not all heat"),
        pytest.param("F-15", {"FLOW": "1", "CO2C": "1", "Fc": "0"}, "Fc", "above 0", id="no F-factor"),
        pytest.param("O2-EU NOXREF", {"NOXC": "5", "O2C": "21", "O2REF": "6"}, "O2C", "O2C is 21", id="air in the EU"),
    ],
)
def test_no_wild_number_but_the_input_at_fault(name: str, inputs: dict[str, str], symbol: str, words: str) -> None:
    with pytest.raises(EquationError, match=words) as refused:
        evaluate(name, numbers(inputs))
    assert refused.value.symbol == symbol
    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        pytest.param(lambda: evaluate("F5", {}), "did you mean 'F-5'", id="mistyped name"),
        pytest.param(lambda: find("NOXR", "F-11"), "19-3", id="of another parameter"),
        pytest.param(lambda: find("NOXXR", "F-5"), "did you mean 'NOXR'", id="mistyped parameter"),
    ],
)
def test_an_unknown_equation_is_told_with_what_there_is(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(EquationError, match=words):
        ask()


@pytest.mark.parametrize(
    ("parameter", "code", "name"),
    [
        ("SO2", "F-2", "F-2"),
        ("CO2", "F-2", "F-2 CO2"),
        ("NOXR", "19-1", "19-1"),
        ("HCLRH", "19-1", "19-1 HCLRH"),
        ("HG", "A-3", "A-3"),
        ("HGRE", "A-3", "A-3 HGRE"),
        ("CO2", "F-2 CO2", "F-2 CO2"),
    ],
)
def test_a_code_is_found_for_its_parameter(parameter: str, code: str, name: str) -> None:
    assert find(parameter, code).name == name


@pytest.mark.parametrize("name", EQUATIONS)
def test_an_equation_uses_all_that_it_needs_and_nothing_else(name: str) -> None:
    equation = EQUATIONS[name]
    known = {need.symbol for need in equation.needs} | {each.symbol for each in equation.constants}
    used: set[str] = set()
    for line in equation.lines:
        names = arithmetic(line.text).names
        assert names <= known, line
        assert set(line.blame.split()) <= known
        known.add(line.name)
        used |= names
    assert {need.symbol for need in equation.needs} <= used
    assert {each.symbol for each in equation.constants} <= used
    assert equation.name.startswith(equation.code)
    assert equation.source
    assert equation.says


def test_the_page_has_every_equation() -> None:
    assert set(re.findall(r"\*\*(.+?)\*\*", page())) == set(EQUATIONS)


def test_no_rate_is_computed_with_the_oxygen_of_the_other_continent() -> None:
    for equation in EQUATIONS.values():
        text = " ".join(line.text for line in equation.lines)
        assert ("21 -" in text) == equation.code.startswith(("O2-EU", "EU-")), equation.name


def test_the_working_tells_each_step() -> None:
    excess, rate = "14.37826086956521739130434783", "0.3394791487148472936195947988"
    told = evaluate("19-5", numbers({"NOXC": "200", "O2C": "6.0", "H2O": "8.0", "Fd": "9780"})).told()
    assert told.splitlines() == [
        "19-5 (40 CFR 60 Appendix A-7, Method 19 section 12.2)",
        "  NOXC = 200 ppm",
        "  O2C = 6.0 %",
        "  H2O = 8.0 %",
        "  Fd = 9780 dscf/mmBtu",
        "  K = 1.194E-7 (lb/scf)/ppm",
        f"  excess = 20.9 - O2C / ((100 - H2O) / 100) = 20.9 - 6.0 / ((100 - 8.0) / 100) = {excess}",
        f"  NOXR = 20.9 * K * NOXC * Fd / excess = 20.9 * 1.194E-7 * 200 * 9780 / {excess} = {rate}",
        "  = 0.339 lb/mmBtu, rounded half up to 3 decimals",
    ]


def test_the_working_names_each_fuel_and_what_stands_in_place_of_a_result() -> None:
    sum_of_fuels = evaluate(
        "D-15A", numbers({"HI.oil": "200", "T.oil": "0.25", "HI.gas": "9", "T.gas": "1", "TU": "1"})
    )
    assert [each.symbol for each in sum_of_fuels.inputs] == ["HI.gas", "HI.oil", "T.gas", "T.oil", "TU"]
    floor = solve("F-17", numbers({"FLOW": "1000000", "O2C": "19.5", "H2O": "8.0", "Fd": "9780"}))
    assert (floor.working.value, floor.method) == (D("1.0"), "26")
    assert floor.working.steps[-1].endswith("is not above zero: 1.0 stands in its place, method 26")


def test_the_same_inputs_give_the_same_digest_in_any_order_and_context() -> None:
    inputs = numbers({"NOXC": "200", "O2C": "6.0", "H2O": "8.0", "Fd": "9780", "LOAD": "1"})
    before = evaluate("19-5", inputs)
    with localcontext() as context:
        context.prec = 5
        assert evaluate("19-5", dict(reversed(inputs.items()))).digest == before.digest
    assert evaluate("19-5", {**inputs, "O2C": D("6.1")}).digest != before.digest


def test_a_default_is_in_the_working() -> None:
    working = evaluate("19-2", numbers({"NOXC": "200", "O2C": "6.0", "Fw": "10640"}))
    assert ("BWA", D("0.027"), "fraction") in working.inputs


@pytest.mark.parametrize("text", ["SO2C ** 2", "open('x')", "SO2C.real", "-SO2C", "'a'", "sum(SO2C, FLOW)", "True * 2"])
def test_a_line_is_arithmetic_only(text: str) -> None:
    with pytest.raises(ValueError, match="no arithmetic"):
        arithmetic(text)


def test_measured_inputs_say_on_which_basis() -> None:
    """A concentration of unknown moisture makes a wrong rate that looks right."""
    for equation in EQUATIONS.values():
        for need in equation.needs:
            is_gas = need.kind is Kind.MEASURED and need.symbol not in ("H2O", "TEMP", "PRES")
            assert (need.basis in ("wet", "dry", "same")) is is_gas, (equation.name, need.symbol)


@pytest.mark.parametrize(
    ("codes", "pollutant", "diluent"),
    [
        pytest.param("F-1 F-26A A-2 HC-2 HF-2 S-2", "wet", "", id="wet mass"),
        pytest.param("F-2 F-26B A-3 HC-3 HF-3 S-3", "dry", "", id="dry mass"),
        pytest.param("F-11 F-15 F-17 F-14B C-6", "", "wet", id="wet diluent"),
        pytest.param("F-2-CO2 F-16 F-18 F-14A C-7", "", "dry", id="dry diluent"),
        pytest.param("F-5 19-1 19-6", "dry", "dry", id="rate, dry and dry"),
        pytest.param("19-2 19-3 19-7", "wet", "wet", id="rate, wet and wet"),
        pytest.param("19-4 19-8", "wet", "dry", id="rate, wet and dry"),
        pytest.param("19-5 19-9", "dry", "wet", id="rate, dry and wet"),
        pytest.param("19-3D", "wet", "", id="rate, wet, capped"),
        pytest.param("19-5D", "dry", "", id="rate, dry, capped"),
        pytest.param("F-6", "same", "same", id="rate, either"),
    ],
)
def test_the_basis_of_each_code(codes: str, pollutant: str, diluent: str) -> None:
    for code in codes.split():
        bases = {need.symbol: need.basis for need in EQUATIONS[code.replace("-CO2", " CO2")].needs}
        flow, diluents = bases.pop("FLOW", "wet"), [bases.pop(symbol, "") for symbol in ("O2C", "CO2C")]
        assert (flow, "".join(diluents), "".join(bases.values())) == ("wet", diluent, pollutant), code
