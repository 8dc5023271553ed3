"""Who is believed: certificates that are known, or issued by an authority that is, for this host, and in time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from greenops_core.errors import DeviceError
from greenops_gateway.opcua import trust
from opcua_peer import Credential, credential

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trust")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Credential:
    return credential(folder, "authority", authority=True, key=rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def between(folder: Path, authority: Credential) -> Credential:
    key = rsa.generate_private_key(65537, 2048)
    return credential(folder, "between", authority=True, key=key, issuer=authority)


def read(one: Credential) -> x509.Certificate:
    return x509.load_pem_x509_certificate(one.certificate.read_bytes())


def doubt(chain: list[Credential], known: list[Credential], host: str = HOST, later: float = 0) -> str:
    return trust.doubt([read(one) for one in chain], [read(one) for one in known], host, time.time() + later)


def test_a_certificate_in_the_list_is_believed_on_any_host(folder: Path) -> None:
    server = credential(folder, "server")
    assert not doubt([server], [server])
    assert not doubt([server], [server], "another.example")


def test_another_certificate_of_the_same_name_is_not(folder: Path, tmp_path: Path) -> None:
    server = credential(folder, "server")
    twin = credential(tmp_path, "server", key=rsa.generate_private_key(65537, 2048))
    assert doubt([server], [twin]) == "its certificate is not trusted"
    assert doubt([server], []) == "its certificate is not trusted"


def test_an_authority_vouches_for_the_host_that_it_names(
    folder: Path, authority: Credential, between: Credential
) -> None:
    server = credential(folder, "issued", issuer=authority)
    assert not doubt([server], [authority])
    assert not doubt([server], [authority], "localhost")
    assert doubt([server], [authority], "10.0.0.9").endswith("but its certificate is not for 10.0.0.9")
    below = credential(folder, "below", issuer=between)
    assert not doubt([below, between], [authority])
    assert doubt([below], [authority]) == "its certificate is not trusted"


def test_a_server_is_no_authority(folder: Path, tmp_path: Path) -> None:
    server = credential(folder, "server", key=rsa.generate_private_key(65537, 2048))
    assert doubt([credential(tmp_path, "claims", issuer=server)], [server]) == "its certificate is not trusted"


def test_a_certificate_is_good_from_its_beginning_to_its_end(folder: Path, authority: Credential) -> None:
    server = credential(folder, "short", days=2)
    day = 86400.0
    assert not doubt([server], [server], later=day)
    assert doubt([server], [server], later=3 * day).startswith("its certificate ended on 20")
    assert doubt([server], [server], later=-500 * day).endswith("is the clock of this machine right?")
    issued = credential(folder, "long", days=1000, issuer=authority)
    assert (
        doubt([issued], [authority], later=500 * day) == "its certificate is not trusted"
    )  # the authority ended before


def test_files_are_pem_or_der_and_a_folder_is_all_its_files(folder: Path, tmp_path: Path) -> None:
    server, other = credential(folder, "server"), credential(folder, "other")
    (tmp_path / "server.der").write_bytes(read(server).public_bytes(Encoding.DER))
    (tmp_path / "other.pem").write_bytes(other.certificate.read_bytes())
    assert trust.trusted([str(tmp_path)]) == [read(other), read(server)]
    assert trust.trusted([str(tmp_path / "server.der")]) == [read(server)]
    assert trust.certificates(server.der + other.der) == [read(server), read(other)]


@pytest.mark.parametrize("blob", [b"", b"\x30", b"\x30\x82\xff\xff", b"noise", b"-----BEGIN CERTIFICATE-----\nnoise"])
def test_what_is_no_certificate_is_said_to_be_none(tmp_path: Path, blob: bytes) -> None:
    (tmp_path / "server.der").write_bytes(blob)
    with pytest.raises(DeviceError, match=r"server\.der is no certificate, PEM or DER"):
        trust.trusted([str(tmp_path)])


def test_own_files_carry_what_opc_ua_needs(folder: Path, tmp_path: Path) -> None:
    mine = credential(folder, "mine", uri="urn:plant:gateway")
    own = trust.own(str(mine.certificate), str(mine.key))
    assert (own.uri, own.certificate) == ("urn:plant:gateway", mine.der)
    stranger = credential(tmp_path, "stranger", key=rsa.generate_private_key(65537, 2048))
    with pytest.raises(DeviceError, match="is not the key of"):
        trust.own(str(mine.certificate), str(stranger.key))
    with pytest.raises(DeviceError, match="cannot be read: No such file"):
        trust.own(str(mine.certificate), str(tmp_path / "missing"))
    assert not trust.open_to_others(str(mine.key))
    mine.key.chmod(0o640)
    assert trust.open_to_others(str(mine.key))


def test_a_fingerprint_is_read_as_servers_show_it(folder: Path) -> None:
    shown = trust.fingerprint(read(credential(folder, "server")))
    assert len(shown.split(":")) == 32
