"""Evidence: how a recording's index is chained, and its manifest signed with the installation's Ed25519 key."""

import base64
import errno
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Json = dict[str, Any]


def canonical(value: Json) -> bytes:
    """Return JSON in the one form that is hashed and signed: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def first_link(recording_hex: str) -> str:
    """Return what the chain of a recording starts from."""
    return hashlib.sha256(recording_hex.encode()).hexdigest()


def next_link(previous: str, entry: Json) -> str:
    """Return the link of an index entry: SHA-256 over the link before it and the entry without its own."""
    own = {key: value for key, value in entry.items() if key != "chain"}
    return hashlib.sha256(previous.encode() + canonical(own)).hexdigest()


def read_or_make_key(path: Path) -> Ed25519PrivateKey:
    """Return the installation's key, made on the first call; of two workers that start at once, one makes it.

    Raises OSError, also where the file holds something else.
    """
    if not path.exists():
        own = path.with_name(f".{path.name}.{os.getpid()}")
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        with suppress(FileExistsError):
            os.link(own, path)
        own.unlink()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise OSError(errno.EINVAL, f"{path} holds no Ed25519 key without a password")
    return key


def public_key_text(key: Ed25519PrivateKey) -> str:
    """Return the public key as it stands in manifests: base64 of its 32 bytes."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def signed(manifest: Json, key: Ed25519PrivateKey) -> Json:
    """Return `manifest` with its signature."""
    bare = {name: value for name, value in manifest.items() if name != "signature"}
    value = base64.b64encode(key.sign(canonical(bare))).decode()
    return bare | {"signature": {"algorithm": "ed25519", "public_key": public_key_text(key), "value": value}}


def is_genuine(manifest: Json, public_key: str = "") -> bool:
    """Tell whether the signature fits, made by the holder of `public_key`, or by whom the manifest itself names."""
    signature = manifest.get("signature")
    if not isinstance(signature, dict) or (public_key and signature.get("public_key") != public_key):
        return False
    bare = {name: value for name, value in manifest.items() if name != "signature"}
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature["public_key"], validate=True))
        key.verify(base64.b64decode(signature["value"], validate=True), canonical(bare))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return True
