"""``greenops-gateway report sign|verify|key-new``: detached signatures."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path

from greenops_core.errors import ConfigError, within
from greenops_gateway.regulatory import signature
from greenops_telemetry.configuration import Secret, convert

log = logging.getLogger(__name__)

Say = Callable[[str], None]
_OTHERS = 0o077


def sign(given: argparse.Namespace, say: Say) -> int:
    """Put a signature beside each file."""
    with within("--key"):
        key = signature.private_key(convert(given.key, Secret))
    _warn_of_others(given.key)
    done = []
    for file in given.file:
        path = file.with_name(file.name + signature.SUFFIX)
        _write(path, signature.sign(_read(file), key))
        done.append(path)
    told = signature.fingerprint(key.public_key())
    if given.json:
        say(json.dumps({"signatures": [str(path) for path in done], "key": told}, indent=2))
    else:
        say("\n".join([*map(str, done), f"by the key {told}"]))
    return 0


def verify(given: argparse.Namespace, say: Say) -> int:
    """Say whether the file is the one that was signed; exit code 1 when it is not."""
    beside = given.file.with_name(given.file.name + signature.SUFFIX)
    with within("--public-key"):
        key = signature.public_key(_read(given.public_key))
    told = signature.fingerprint(key)
    is_right = signature.is_signed(_read(given.file), _read(given.signature or beside), key)
    if given.json:
        say(json.dumps({"file": str(given.file), "is_signed": is_right, "key": told}, indent=2))
    elif is_right:
        say(f"{given.file}: signed by the key {told}, and not changed since")
    else:
        say(
            f"{given.file}: NOT as it was signed: it or its signature was changed, or another key signed it than {told}"
        )
    return 0 if is_right else 1


def key_new(given: argparse.Namespace, say: Say) -> int:
    """Make a pair of keys."""
    public = given.public or given.file.with_name(f"{given.file.name}.pub")
    told = signature.new_key(given.file, public)
    if given.json:
        say(json.dumps({"private": str(given.file), "public": str(public), "fingerprint": told}, indent=2))
    else:
        say(f"{given.file}: the private key; whoever has it signs in your name. Keep it off this machine if you can")
        say(f"{public}: the public key; give it to whoever verifies, with its fingerprint by another way:\n{told}")
    return 0


def _warn_of_others(reference: str) -> None:
    kind, _, path = reference.partition(":")
    if kind == "file" and Path(path).stat().st_mode & _OTHERS:
        log.warning("%s can be read by others than its owner: chmod 600 %s", path, path)


def _read(path: Path) -> bytes:
    """Raises ConfigError: it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None


def _write(path: Path, content: bytes) -> None:
    """Raises ConfigError: it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None
