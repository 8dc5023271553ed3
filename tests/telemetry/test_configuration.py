"""YAML text, and the exact words an operator reads about it. F stands for the file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import jsonschema
import msgspec
import pytest

from greenops_core.duration import Duration, Size
from greenops_core.errors import ConfigError
from greenops_telemetry.configuration import Secret, Section, Url, convert, lasting, load, schema, url


class Point(Section, frozen=True):
    address: int
    kind: Literal["holding", "input"] = "input"
    every: Duration = lasting("10s")
    most: Size | None = None
    to: Url | None = None
    token: Secret | None = None
    words: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    scale: float | None = None


class Modbus(Section, frozen=True, tag="modbus", tag_field="protocol"):
    host: str


class Dnp3(Section, frozen=True, tag="dnp3", tag_field="protocol"):
    host: str


class Whole(Section, frozen=True):
    name: str
    point: Point | None = None
    points: tuple[Point, ...] = ()
    named: dict[str, Point] = msgspec.field(default_factory=dict)
    nested: dict[str, dict[str, Point]] = msgspec.field(default_factory=dict)
    states: dict[int, str] = msgspec.field(default_factory=dict)
    device: Modbus | Dnp3 | None = None


def read(folder: Path, text: str | bytes) -> Whole:
    file = folder / "greenops.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(file, Whole)


KEYS = "address, every, kind, most, scale, to, token, words"
NINES = "9" * 50
WRONG: list[tuple[str | bytes, str]] = [
    ("", "F:1: the key 'name' is missing"),
    ("# only a comment\n", "F:1: the key 'name' is missing"),
    ("nam: x", "F:1: nam: unknown key 'nam'; did you mean 'name'?"),
    ("name: x\nNAMED: {}", "F:2: NAMED: unknown key 'NAMED'; did you mean 'named'?"),
    ("name: x\npoint: {}", "F:2: point: the key 'address' is missing"),
    ("name: x\n\npoint:\n  address: 1\n  zz: 1", f"F:5: point.zz: unknown key 'zz'; known: {KEYS}"),
    ("name: x\nname: y", "F:2: the key 'name' already stands on line 1"),
    ("name: x\npoint:\n  address: 1\n  address: 1", "F:4: the key 'address' already stands on line 3"),
    ("name: x\n1: 2", "F:2: [1]: expected text; found 1"),
    ("? [a]\n: b", "F:1: a key is one word, not a list or a mapping"),
    ("name: x\npoints: {address: 1}", "F:2: points: expected list, got mapping; found {'address': 1}"),
    (
        "name: x\npoints:\n- address: 1\n- address: q",
        "F:4: points[1].address: expected whole number, got text; found 'q'",
    ),
    (
        "name: x\nnamed:\n  a: {address: 1}\n  b:\n    address: q",
        "F:5: named.b.address: expected whole number, got text; found 'q'",
    ),
    ("name: x\nnamed:\n  a: {address: 1}\n  b: {}", "F:4: named.b: the key 'address' is missing"),
    ("name: x\nnamed:\n  1: {address: 1}", "F:3: named[1]: expected text, got whole number; found 1"),
    (
        "name: x\nnested:\n  a:\n    q: {address: 1}\n    r: {address: 1, kin: 3}",
        "F:5: nested.a.r.kin: unknown key 'kin'; did you mean 'kind'?",
    ),
    ("name: x\nstates: {a: open}", "F:2: states.a: expected whole number, got text; found 'a'"),
    ("name: x\nstates: {0: shut, 1: 2}", "F:2: states[1]: expected text, got whole number; found 2"),
    ("- a", "F:1: expected mapping, got list; found ['a']"),
    ("name: 3", "F:1: name: expected text, got whole number; found 3"),
    ("name: true", "F:1: name: expected text, got true or false; found true"),
    ("name: FALSE", "F:1: name: expected text, got true or false; found false"),
    ("name:", "F:1: name: expected text, got nothing; found nothing"),
    ("name: [" + "x," * 99 + "x]", "F:1: name: expected text, got list; found ['x', 'x', 'x', 'x', 'x', 'x', ...]"),
    (
        "name: x\ndevice: {protocol: modbuss, host: a}",
        "F:2: device.protocol: unknown value 'modbuss'; did you mean 'modbus'?",
    ),
    ("name: x\ndevice: {protocol: dnp3, hots: a}", "F:2: device.hots: unknown key 'hots'; did you mean 'host'?"),
    ("name: x\ndevice: {host: a}", "F:2: device: the key 'protocol' is missing"),
    ("name: [a", "F:1:9: not YAML: expected ',' or ']', but got '<stream end>'"),
    ("name: a: b", "F:1:8: not YAML: mapping values are not allowed here"),
    ("name: x\n\tpoint: 1", "F:2:1: not YAML: found character '\\t' that cannot start any token"),
    ("name: *nowhere", "F:1:7: not YAML: found undefined alias 'nowhere'"),
    ("name: !secret x", "F:1:7: not YAML: could not determine a constructor for the tag '!secret'"),
    ("name: x\n---\nname: y", "F:2:1: not YAML: but found another document"),
    ("name: x\x00", "F: not YAML: unacceptable character #x0000: special characters are not allowed"),
    (b"name: \xff", "F: is not UTF-8 text: invalid start byte at byte 6"),
    ("[" * 1000, "F: is nested too deeply"),
    ("name: !!int x", "F: not YAML: invalid literal for int() with base 10: 'x'"),
    ("name: &ring [*ring]", "F:1: contains itself; an alias (*) cannot stand inside its own anchor (&)"),
    ("name: &ring\n  <<: *ring", "F:1: contains itself; an alias (*) cannot stand inside its own anchor (&)"),
]
WRONG_IN_POINT = [
    ("address: 1.0", "address: expected whole number, got number; found 1.0"),
    ("address: 1, words: 5", "words: expected whole number <= 4; found 5"),
    ("address: 1, scale: x", "scale: expected number or nothing, got text; found 'x'"),
    ("address: 1, kind: holdin", "kind: unknown value 'holdin'; did you mean 'holding'?"),
    ("address: 1, kind: q", "kind: unknown value 'q'; known: holding, input"),
    ("address: 1, every: 10", "every: 10 has no unit; write for example 10s"),
    (
        "address: 1, every: 10 s",
        "every: '10 s' is not a duration; write a number with a unit, like 500ms, 10s, 5m, 1h or 1d",
    ),
    ("address: 1, every: 0s", "every: '0s' is no time at all; a duration must be longer than 0s"),
    ("address: 1, most: 5", "most: 5 has no unit; write for example 64KiB"),
    ("address: 1, most: 5 MB", "most: '5 MB' is not a size; write a number with a unit, like 64KiB, 512MiB or 2GB"),
    ("address: 1, to: 9090", "to: 9090 has no address; write for example http://127.0.0.1:9090"),
    (
        "address: 1, to: localhost:9090",
        "to: 'localhost:9090' is not an address; write for example http://127.0.0.1:9090",
    ),
    ("address: 1, token: hunter2", "token: a secret is given by reference: env:NAME or file:PATH"),
    ("address: 1, token: env:GREENOPS_NO", "token: the environment has no variable GREENOPS_NO"),
    ("address: 1, token: env:GREENOPS_EMPTY", "token: the environment's variable GREENOPS_EMPTY is empty"),
    ("address: 1, token: file:/no/such", "token: secret file /no/such cannot be read: No such file or directory"),
    ("address: yes", "address: expected whole number, got text; found 'yes'"),
    ("address: 22:30", "address: expected whole number, got text; found '22:30'"),
    ("address: 017", "address: expected whole number, got text; found '017'"),
    (f"address: {NINES}", f"address: expected whole number, got text; found '{NINES}'"),
    ("address: 1_000", "address: expected whole number, got text; found '1_000'"),
]
WRONG += [(f"name: x\npoint: {{{text}}}", f"F:2: point.{message}") for text, message in WRONG_IN_POINT]


@pytest.mark.parametrize(
    ("text", "message"), WRONG, ids=[f"{number}: {message[:50]}" for number, (_, message) in enumerate(WRONG)]
)
def test_every_mistake_is_told_in_exact_words(
    text: str | bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENOPS_EMPTY", "")
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    said = str(error.value).replace(str(tmp_path / "greenops.yml"), "F")
    assert said == message


RIGHT = [
    ("name: no", {"name": "no"}),
    ("name: 2024-01-01", {"name": "2024-01-01"}),
    ("name: on", {"name": "on"}),
    ("name: '3'", {"name": "3"}),
    ("\ufeffname: with a byte order mark", {"name": "with a byte order mark"}),
    ("name: x\nstates: {0: shut, 1: open}", {"name": "x", "states": {0: "shut", 1: "open"}}),
    ("name: x\npoint: {address: 0x1F, scale: 1e-3}", {"name": "x", "point": {"address": 31, "scale": 0.001}}),
    ("name: x\npoint: {address: -1, scale: .5}", {"name": "x", "point": {"address": -1, "scale": 0.5}}),
    ("name: x\npoint: {address: 1, scale: 3}", {"name": "x", "point": {"address": 1, "scale": 3.0}}),
    ("name: x\npoint: null", {"name": "x", "point": None}),
    (
        "name: x\npoint: &shared {address: 1}\npoints: [*shared, {<<: *shared, words: 2}]",
        {"name": "x", "point": {"address": 1}, "points": [{"address": 1}, {"address": 1, "words": 2}]},
    ),
]


@pytest.mark.parametrize(("text", "meant"), RIGHT, ids=[repr(text) for text, _ in RIGHT])
def test_yaml_is_read_as_it_looks(text: str, meant: dict[str, object], tmp_path: Path) -> None:
    assert read(tmp_path, text) == convert(meant, Whole)


def a_disk_image(file: Path) -> None:
    with file.open("wb") as image:
        image.truncate(2**30)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.exists, "F: cannot be read: No such file or directory"),
        (Path.mkdir, "F: cannot be read: Is a directory"),
        (a_disk_image, "F: is larger than 16 MiB; is it the right file?"),
    ],
    ids=["no file", "a folder", "a disk image"],
)
def test_a_file_that_cannot_be_a_configuration_is_named(
    make: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "greenops.yml"
    make(file)
    with pytest.raises(ConfigError) as error:
        load(file, Whole)
    assert str(error.value).replace(str(file), "F") == message


def test_a_thousand_million_aliases_are_refused_at_once(tmp_path: Path) -> None:
    levels = "\n".join(f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]" for old, new in pairwise("abcdefghi"))
    with pytest.raises(ConfigError, match="yml:7: holds more than 2000000 values, each alias as often as it is used"):
        read(tmp_path, f"a: &a [x,x,x,x,x,x,x,x,x]\n{levels}\nname: *i")


def test_a_secret_is_read_by_reference_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from a file\n")
    monkeypatch.setenv("GREENOPS_TOKEN", "from the environment")
    for reference, secret in (
        ("env:GREENOPS_TOKEN", "from the environment"),
        (f"file:{tmp_path}/token", "from a file"),
    ):
        found = convert({"address": 1, "token": reference}, Point)
        assert found.token == secret
        assert secret not in repr(found)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("http://localhost", True),
        ("https://[::1]:9090/a/b?c=d", True),
        ("http://", False),
        ("http://:9090", False),
        ("ftp://host", False),
        ("http://host:99999", False),
        ("http://host:x", False),
        ("http://ho st", False),
        ("http://host/\n", False),
        ("//host", False),
        ("", False),
    ],
)
def test_addresses(text: str, good: bool) -> None:  # noqa: FBT001  # a table's column
    if good:
        assert url(text) == text
    else:
        with pytest.raises(ConfigError, match="is not an address"):
            url(text)


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft202012Validator(schema(Whole))
    validator.check_schema(schema(Whole))
    right = {"name": "x", "point": {"address": 1, "every": "1h30m", "most": "1GB", "to": "http://a", "token": "env:A"}}
    assert not list(validator.iter_errors(right))
    for wrong in (
        {},
        {"name": "x", "nam": "y"},
        {"name": "x", "point": {"address": 1, "every": "10"}},
        {"name": "x", "point": {"address": 1, "most": 10}},
        {"name": "x", "point": {"address": 1, "to": "localhost"}},
        {"name": "x", "point": {"address": 1, "token": "hunter2"}},
        {"name": "x", "point": {"address": 1, "words": 9}},
    ):
        assert list(validator.iter_errors(wrong)), wrong
