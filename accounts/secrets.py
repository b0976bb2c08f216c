"""Credentials that are shown once: a prefix for the kind, eight characters to look it up by, an HMAC of the whole."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from django.conf import settings

DEVICE, GRANT, API_KEY = "lgd_", "lgg_", "lgk_"
LOOKUP_CHARACTERS = 8
_RANDOM_BYTES = 30  # 40 URL-safe characters; with the prefix 44, and a sketch can take 64


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as it was made: `text` is for its holder, `lookup` and `digest` are for the database."""

    text: str
    lookup: str
    digest: str


def make_secret(prefix: str) -> Secret:
    """Make a new secret of the kind that `prefix` names."""
    return read_secret(prefix + secrets.token_urlsafe(_RANDOM_BYTES))


def read_secret(text: str) -> Secret:
    """Return what the database would hold for `text`, whatever it is."""
    bare = text[4:] if text[:4] in (DEVICE, GRANT, API_KEY) else text
    key = hashlib.sha256(b"leganize.secrets" + settings.SECRET_KEY.encode()).digest()
    digest = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return Secret(text, bare[:LOOKUP_CHARACTERS], digest)


def matches(secret: Secret, digest: str) -> bool:
    """Tell whether `secret` is the one that `digest` was kept for."""
    return hmac.compare_digest(secret.digest, digest)
