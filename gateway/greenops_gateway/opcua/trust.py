"""Certificates: the gateway's own, and whether a server's is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from greenops_core.errors import DeviceError

DER = serialization.Encoding.DER
PEM = b"-----BEGIN CERTIFICATE-----"
OPEN_TO_OTHERS = 0o077
DEEPEST_CHAIN = 5


@dataclass(frozen=True, slots=True)
class Own:
    """The gateway's certificate and key as DER, the URI that it carries, and until when it is good (Unix seconds)."""

    certificate: bytes
    key: bytes
    uri: str
    until: float


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the certificate, as an engineer compares it with the server's screen."""
    return certificate.fingerprint(hashes.SHA256()).hex(":")


def until(certificate: x509.Certificate) -> float:
    """The Unix time at which *certificate* ends."""
    return certificate.not_valid_after_utc.timestamp()


def certificates(blob: bytes) -> list[x509.Certificate]:
    """All certificates in *blob*: PEM, or DER, or several DER in a row as a server sends its chain.

    Raises:
        ValueError: there is none.
    """
    if PEM in blob:
        return x509.load_pem_x509_certificates(blob)
    found = []
    while blob:
        size = _der_size(blob)
        found.append(x509.load_der_x509_certificate(blob[:size]))
        blob = blob[size:]
    if not found:
        raise ValueError("no certificate")
    return found


def _der_size(blob: bytes) -> int:
    """How long the first DER sequence in *blob* is."""
    if len(blob) < 4 or blob[0] != 0x30:
        raise ValueError("not DER")
    if blob[1] < 0x80:
        return 2 + blob[1]
    width = blob[1] & 0x7F
    return 2 + width + int.from_bytes(blob[2 : 2 + width], "big")


def trusted(paths: Iterable[str]) -> list[x509.Certificate]:
    """The certificates in files, and in all files of folders.

    Raises:
        DeviceError: a file cannot be read, or holds no certificate.
    """
    found = []
    for path in map(Path, paths):
        for file in sorted(part for part in path.iterdir() if part.is_file()) if path.is_dir() else [path]:
            try:
                found += certificates(file.read_bytes())
            except OSError as error:
                raise DeviceError(f"trusted certificate {file} cannot be read: {error.strerror or error}") from None
            except ValueError:
                raise DeviceError(f"{file} is no certificate, PEM or DER") from None
    return found


def pair(certificate: str, key: str) -> tuple[x509.Certificate, PrivateKeyTypes]:
    """A certificate and its private key from two files.

    Raises:
        DeviceError: they cannot be read, or do not belong together.
    """
    file = certificate
    try:
        mine = certificates(Path(certificate).read_bytes())[0]
        file = key
        blob = Path(key).read_bytes()
        load = serialization.load_pem_private_key if blob.startswith(b"-----") else serialization.load_der_private_key
        private = load(blob, password=None)
    except OSError as error:
        raise DeviceError(f"{file} cannot be read: {error.strerror or error}") from None
    except (ValueError, TypeError):
        raise DeviceError(
            f"{file} is no {'private key without a password' if file == key else 'certificate'}, PEM or DER"
        ) from None
    if private.public_key() != mine.public_key():
        raise DeviceError(f"{key} is not the key of {certificate}")
    return mine, private


def own(certificate: str, key: str) -> Own:
    """The gateway's own certificate and key.

    Raises:
        DeviceError: they cannot be read, do not belong together, or carry no application URI.
    """
    mine, private = pair(certificate, key)
    uris = alternative_names(mine).get_values_for_type(x509.UniformResourceIdentifier)
    if not uris:
        raise DeviceError(
            f"{certificate} names no application: it needs a URI as subject alternative name, like urn:plant:gateway"
        )
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Own(mine.public_bytes(DER), private.private_bytes(DER, pkcs8, plain), uris[0], until(mine))


def open_to_others(path: str) -> bool:
    """Whether other users of this machine may read the key in *path*."""
    return bool(Path(path).stat().st_mode & OPEN_TO_OTHERS)


def alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    """The subject alternative names; none at all when the certificate has no such extension."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def doubt(chain: Sequence[x509.Certificate], known: Sequence[x509.Certificate], host: str, now: float) -> str:
    """Why the server that sent *chain*, itself first, is not believed at Unix time *now*; empty when it is.

    A certificate that is itself in *known* is believed wherever it comes from. One that an authority in *known* issued
    must also carry the name of *host*.
    """
    moment = datetime.fromtimestamp(now, UTC)
    server = chain[0]
    if moment > server.not_valid_after_utc:
        return f"its certificate ended on {server.not_valid_after_utc:%Y-%m-%d}; have it renewed"
    if moment < server.not_valid_before_utc:
        return f"its certificate begins on {server.not_valid_before_utc:%Y-%m-%d}; is the clock of this machine right?"
    if server in known:
        return ""
    if not _issued(server, chain[1:], known, moment, DEEPEST_CHAIN):
        return "its certificate is not trusted"
    if not _named(server, host):
        return f"its authority is trusted, but its certificate is not for {host}"
    return ""


def _issued(
    certificate: x509.Certificate,
    sent: Sequence[x509.Certificate],
    known: Sequence[x509.Certificate],
    moment: datetime,
    deep: int,
) -> bool:
    """Whether a chain leads from *certificate*, maybe over some that were *sent*, to an authority in *known*."""
    if any(_signed(certificate, authority, moment) for authority in known):
        return True
    return deep > 0 and any(
        _signed(certificate, between, moment) and _issued(between, sent, known, moment, deep - 1) for between in sent
    )


def _signed(certificate: x509.Certificate, authority: x509.Certificate, moment: datetime) -> bool:
    try:
        may = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return may and authority.not_valid_before_utc <= moment <= authority.not_valid_after_utc


def _named(certificate: x509.Certificate, host: str) -> bool:
    names = alternative_names(certificate)
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        return host.lower() in {name.lower() for name in names.get_values_for_type(x509.DNSName)}
