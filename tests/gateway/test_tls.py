"""Files for TLS, what is wrong with them, and when certificates end."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from greenops_core.errors import ConfigError, DecodeError
from greenops_telemetry import tls
from greenops_telemetry.tls import Tls
from self_signed import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_files_that_do_not_fit_are_named_with_their_key(authority: Authority, tmp_path: Path) -> None:
    one, other = authority.signed("one"), authority.signed("other")
    locked = authority.signed("locked", password=b"secret")
    text = tmp_path / "text"
    text.write_text("no certificate")
    for ca, certificate, key, message in (
        ("/no/ca.pem", one.certificate, one.key, r"ca: cannot read /no/ca\.pem: No such file"),
        (str(text), one.certificate, one.key, "ca: .*text holds no certificate"),
        (None, "/no/own.pem", one.key, r"certificate: cannot read /no/own\.pem: No such file"),
        (authority.ca, str(text), one.key, "certificate: .*text holds no certificate"),
        (authority.ca, one.certificate, other.key, r"key: .*other\.key is not the key of .*one\.pem"),
        (authority.ca, one.certificate, str(text), "key: .*text holds no private key"),
        (authority.ca, locked.certificate, locked.key, "key: .*locked.key holds no private key.*without a password"),
    ):
        with pytest.raises(ConfigError, match=f"^{message}"):
            Tls(ca=ca, certificate=certificate, key=key).check()


@pytest.mark.parametrize(
    ("given", "needed", "message"),
    [
        pytest.param({}, ("ca",), "ca: ca is missing; write ca: FILE.pem", id="whom to trust"),
        pytest.param({"certificate": "own.pem"}, (), "key: certificate and key go together; key is missing", id="key"),
        pytest.param({"key": "own.key"}, (), "certificate: .* certificate is missing", id="certificate"),
        pytest.param({"server_name": ""}, (), "server_name: a certificate is for somebody", id="for anybody"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, str], needed: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Tls(**given).check(*needed)


def test_without_files_whom_the_system_trusts_is_trusted() -> None:
    secure = Tls()
    secure.check()
    assert secure.own_expires() is None
    context = secure.context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("server_name", "name", "checked"), [(None, "rtu", True), ("plant", "plant", True), ("", "rtu", False)]
)
def test_a_certificate_is_for_the_host_or_for_whom_is_named(
    server_name: str | None, name: str, *, checked: bool
) -> None:
    secure = Tls(server_name=server_name)
    secure.check(nameless=True)
    assert secure.name("rtu") == name
    assert secure.context().check_hostname is checked


@pytest.mark.parametrize(
    "end", ["2031-12-31T23:59:59", "2049-12-31T23:59:59", "2050-01-01T00:00:00", "2126-05-04T03:02:01"]
)
def test_the_end_of_a_certificate_is_read_in_both_forms_of_time(authority: Authority, end: str) -> None:
    at = datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert Tls(certificate=authority.signed("long", end=at).certificate).own_expires() == at.timestamp()


def test_what_is_no_certificate_has_no_end(authority: Authority) -> None:
    der = ssl.PEM_cert_to_DER_cert(Path(authority.ca).read_text(encoding="ascii"))
    for size in range(0, 60, 7):
        with pytest.raises(DecodeError):
            tls.ends(der[:size])
