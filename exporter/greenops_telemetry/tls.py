"""TLS towards a device, a server or a broker: what is shown, who is trusted, and when certificates end."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from greenops_core.errors import ConfigError, DecodeError
from greenops_telemetry.configuration import Section

SEQUENCE = 0x30
VERSION = 0xA0
UTC_TIME = 0x17


class Tls(Section, frozen=True, kw_only=True):
    """Version 1.2 or later. Files are in PEM: *ca* vouches for the other side; *certificate* and *key* are our own.

    Without *ca* whoever the system trusts is trusted. *server_name* is for whom the other side's certificate must be,
    when that is not the host.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None

    def check(self, *needed: str, nameless: bool = False) -> None:
        """What types cannot say; *needed* are keys that the protocol asks for.

        With *nameless* an empty server_name is allowed: then a certificate may be for anybody.

        Raises:
            ConfigError: a key is missing, or a file is, or it does not fit; with the path from here to the key.
        """
        for key in needed:
            if getattr(self, key) is None:
                raise ConfigError(f"{key} is missing; write {key}: FILE.pem", (key,))
        for one, other in (("certificate", "key"), ("key", "certificate")):
            if getattr(self, one) is not None and getattr(self, other) is None:
                raise ConfigError(f"certificate and key go together; {other} is missing", (other,))
        if self.server_name == "" and not nameless:
            raise ConfigError(
                "a certificate is for somebody; leave server_name out when that is the host", ("server_name",)
            )
        self.context()

    def context(self) -> ssl.SSLContext:
        """For a connection that we open.

        Raises:
            ConfigError: a file is missing, unreadable or does not fit; with the path from here to the key.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.check_hostname = self.server_name != ""
        self._trust(made)
        if self.certificate is not None and self.key is not None:
            self._show(made, self.certificate, self.key)
        return made

    def name(self, host: str) -> str:
        """For whom the certificate of the other side must be, which is at *host*."""
        return self.server_name or host

    def own_expires(self) -> float | None:
        """When our own certificate, the first in its file, ends: Unix time; None without one.

        Raises:
            ConfigError: there is none in the file; with the path from here to the key.
        """
        if self.certificate is None:
            return None
        _readable("certificate", self.certificate)
        try:
            _, begin, rest = Path(self.certificate).read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE-----")
            body, end, _ = rest.partition("-----END CERTIFICATE-----")
            return ends(ssl.PEM_cert_to_DER_cert(begin + body + end))
        except (ValueError, DecodeError):
            raise ConfigError(f"{self.certificate} holds no certificate in PEM form", ("certificate",)) from None

    def _trust(self, context: ssl.SSLContext) -> None:
        if self.ca is None:
            context.load_default_certs()
            return
        _readable("ca", self.ca)
        try:
            context.load_verify_locations(cafile=self.ca)
        except ssl.SSLError:
            raise ConfigError(f"{self.ca} holds no certificate in PEM form", ("ca",)) from None

    def _show(self, context: ssl.SSLContext, certificate: str, key: str) -> None:
        self.own_expires()
        _readable("key", key)
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")  # else OpenSSL would ask on the terminal
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ConfigError(f"{key} is not the key of {certificate}", ("key",)) from None
            raise ConfigError(f"{key} holds no private key in PEM form without a password", ("key",)) from None


def ends(der: bytes) -> float:
    """The notAfter of a certificate (RFC 5280, section 4.1), Unix time.

    Raises:
        DecodeError: it is no certificate.
    """
    try:
        at = _start(der, _start(der, 0, SEQUENCE), SEQUENCE)
        for _ in range(4 if der[at] == VERSION else 3):  # version if given, serial number, signature algorithm, issuer
            at = _end(der, at)
        at = _end(der, _start(der, at, SEQUENCE))  # behind notBefore
        text = der[_start(der, at, der[at]) : _end(der, at)].decode("ascii")
        if der[at] == UTC_TIME:  # two digits of the year; 50 and later are of the last century
            text = ("19" if text[:2] >= "50" else "20") + text
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except (IndexError, ValueError):
        raise DecodeError("no certificate in DER form") from None


def said(error: ssl.SSLError) -> str:
    """What went wrong, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}{_advice(error.verify_code)}"
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "alert" in reason:
        return f"the server refuses this side's certificate or TLS version: {reason}"
    return f"TLS: {reason}; does the server speak TLS on this port?"


def _advice(code: int) -> str:
    # The numbers are OpenSSL's X509_V_ERR_*.
    if code in {18, 19, 20, 21}:
        return "; put the certificate that signed it into ca"
    if code in {9, 10}:
        return "; renew it, and look whether this machine's clock is right"
    if code in {62, 64}:
        return "; write the name that it is for as server_name"
    return ""


def _readable(name: str, file: str) -> None:
    try:
        with Path(file).open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}", (name,)) from None


def _start(der: bytes, at: int, tag: int) -> int:
    """Where the content of the element at *at* starts, which must be a *tag*."""
    if der[at] != tag:
        raise ValueError(f"no element {tag:#x} at {at}")
    return at + 2 + (der[at + 1] & 0x7F if der[at + 1] & 0x80 else 0)


def _end(der: bytes, at: int) -> int:
    """Where the element at *at* ends."""
    start, size = _start(der, at, der[at]), der[at + 1]
    return start + (int.from_bytes(der[at + 2 : start], "big") if size & 0x80 else size)
