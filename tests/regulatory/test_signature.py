"""Detached signatures: what was signed verifies, what was changed does not."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_gateway.cli import main
from greenops_gateway.regulatory.signature import is_signed, new_key, private_key, public_key, sign


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "report.key", tmp_path / "report.key.pub"
    assert main(["report", "key-new", str(private)]) == 0
    return private, public


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "2026-Q1-excess.pdf"
    path.write_bytes(b"%PDF-1.4 what was reported" * 40)
    return path


def test_what_was_signed_verifies(keys: tuple[Path, Path], report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private, public = keys
    assert main(["report", "sign", str(report), "--key", f"file:{private}"]) == 0
    signature = report.with_name(report.name + ".sig")
    assert len(signature.read_bytes()) == 64
    assert main(["report", "verify", str(report), str(signature), "--public-key", str(public)]) == 0
    capsys.readouterr()
    assert main(["report", "verify", str(report), "--public-key", str(public), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["is_signed"] is True


def test_the_same_file_has_the_same_signature(keys: tuple[Path, Path], report: Path) -> None:
    signature = report.with_name(report.name + ".sig")
    found = []
    for _ in range(2):
        assert main(["report", "sign", str(report), "--key", f"file:{keys[0]}"]) == 0
        found.append(signature.read_bytes())
    assert found[0] == found[1]


def test_the_key_may_come_from_the_environment(
    keys: tuple[Path, Path], report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_KEY", keys[0].read_text("ascii"))
    assert main(["report", "sign", str(report), "--key", "env:REPORT_KEY"]) == 0
    assert main(["report", "verify", str(report), "--public-key", str(keys[1])]) == 0


@pytest.mark.parametrize("what", ["file", "signature", "key"])
def test_tampering_is_found(
    tmp_path: Path, keys: tuple[Path, Path], report: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    private, public = keys
    assert main(["report", "sign", str(report), "--key", f"file:{private}"]) == 0
    signature = report.with_name(report.name + ".sig")
    if what == "key":
        public = tmp_path / "other.pub"
        new_key(tmp_path / "other", public)
    else:
        changed = report if what == "file" else signature
        content = bytearray(changed.read_bytes())
        content[len(content) // 2] ^= 1
        changed.write_bytes(content)
    assert main(["report", "verify", str(report), str(signature), "--public-key", str(public)]) == 1
    assert "NOT as it was signed" in capsys.readouterr().out


@given(st.binary(min_size=1, max_size=200), st.data())
def test_no_changed_bit_is_overlooked(content: bytes, data: st.DataObject) -> None:
    key = private_key(PEM)
    signature = sign(content, key)
    at = data.draw(st.integers(0, 8 * len(content) - 1))
    changed = bytearray(content)
    changed[at // 8] ^= 1 << at % 8
    assert is_signed(content, signature, key.public_key())
    assert not is_signed(bytes(changed), signature, key.public_key())


def test_a_shortened_or_empty_signature_is_none() -> None:
    key = private_key(PEM)
    signature = sign(b"x", key)
    for wrong in (b"", signature[:-1], signature + b"\0"):
        assert not is_signed(b"x", wrong, key.public_key())


def test_a_private_key_is_for_its_owner_alone_and_never_overwritten(
    keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    private, _ = keys
    content = private.read_bytes()
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert main(["report", "key-new", str(private)]) == 2
    assert "a key is never overwritten" in capsys.readouterr().err
    assert private.read_bytes() == content


def test_a_key_that_others_can_read_is_told(
    keys: tuple[Path, Path], report: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys[0].chmod(0o644)
    assert main(["report", "sign", str(report), "--key", f"file:{keys[0]}"]) == 0
    assert "can be read by others than its owner" in caplog.text


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("file:/nowhere", "--key: secret file /nowhere cannot be read"),
        ("env:NO_SUCH_KEY", "--key: the environment has no variable NO_SUCH_KEY"),
        ("-----BEGIN PRIVATE KEY-----", "--key: a secret is given by reference"),
        ("file:{file}", "--key: this is no private key"),
    ],
)
def test_a_key_is_given_by_reference(report: Path, capsys: pytest.CaptureFixture[str], key: str, told: str) -> None:
    report.write_text("no key", encoding="ascii")
    assert main(["report", "sign", str(report), f"--key={key.format(file=report)}"]) == 2
    assert told in capsys.readouterr().err


def test_keys_of_another_kind_are_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ConfigError, match="is not of Ed25519"):
        private_key(pem)
    with pytest.raises(ConfigError, match="no public key of Ed25519"):
        public_key(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here: nobody else can verify")
def test_openssl_verifies_what_we_signed(keys: tuple[Path, Path], report: Path) -> None:
    assert main(["report", "sign", str(report), "--key", f"file:{keys[0]}"]) == 0
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(keys[1]), "-rawin", "-in", str(report)]
    done = subprocess.run(
        [*command, "-sigfile", f"{report}.sig"], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr


PEM = """\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
"""
