"""Detached signatures of files: Ed25519 (RFC 8032) over the file's bytes, 64 bytes beside it.

Anybody can verify one without this program::

    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in FILE -sigfile FILE.sig
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from greenops_core.errors import ConfigError

SUFFIX = ".sig"


def new_key(private: Path, public: Path) -> str:
    """Make a pair of keys: *private*, for its owner alone, and *public*; gives the fingerprint.

    Raises:
        ConfigError: one of them is there already, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    told = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for path in (private, public):
        if path.exists():
            raise ConfigError(f"{path} is there already; a key is never overwritten, give another name")
    try:
        for path, content, mode in ((private, secret, 0o600), (public, told, 0o644)):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123  # its mode
                file.write(content)
    except OSError as error:
        raise ConfigError(f"the key cannot be written: {error.filename}: {error.strerror or error}") from None
    return fingerprint(key.public_key())


def private_key(pem: str) -> Ed25519PrivateKey:
    """The private key that *pem* has (PKCS 8, not encrypted).

    Raises:
        ConfigError: it has none of Ed25519.
    """
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("this is no private key; 'greenops-gateway report key-new' makes one") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("this private key is not of Ed25519; 'greenops-gateway report key-new' makes one")
    return key


def public_key(pem: bytes) -> Ed25519PublicKey:
    """The public key that *pem* has.

    Raises:
        ConfigError: it has none of Ed25519.
    """
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError("this is no public key of Ed25519; give the file that 'report key-new' made beside the key")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """What tells *key* from others: the SHA-256 of its DER, in hexadecimal."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def sign(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signature of *content*; the same one each time."""
    return key.sign(content)


def is_signed(content: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Whether *signature* is that of *content* by the owner of *key*."""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True
