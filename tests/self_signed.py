"""Certificates for tests, in PEM files: an authority and what it signs, or one that trusts only itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

HERE = "127.0.0.1"
NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)


class SelfSigned(NamedTuple):
    """Certificate and key in PEM files, and when the certificate ends, as Unix time."""

    certificate: str
    key: str
    end: float

    @property
    def files(self) -> dict[str, str]:
        """As they stand in gateway.yml."""
        return {"certificate": self.certificate, "key": self.key}


class Authority:
    """Signs certificates into a folder; its own is the file *ca*."""

    def __init__(self, folder: Path, name: str = "ca", *, host: str = HERE, end: datetime = NOW + YEAR) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _named(name)
        self.own = self.signed(name, host=host, end=end, authority=True)
        self.ca = self.own.certificate

    def signed(
        self,
        name: str,
        *,
        host: str = HERE,
        end: datetime = NOW + YEAR,
        password: bytes | None = None,
        authority: bool = False,
    ) -> SelfSigned:
        """A certificate for *host*, an address or a name, with its key."""
        key = self._key if authority else ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - YEAR)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_host(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        secret = BestAvailableEncryption(password) if password else NoEncryption()
        certificate_file, key_file = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
        return SelfSigned(str(certificate_file), str(key_file), end.timestamp())


def self_signed(
    folder: Path, lasting: timedelta = timedelta(days=1), *, name: str = "analyser", host: str = HERE
) -> SelfSigned:
    """A new one, its own authority, in *folder*; it ends *lasting* from now on, which may be negative."""
    return Authority(folder, name, host=host, end=NOW + lasting).own


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
