"""How S3-compatible storage is spoken to: patience, addressing and checksums, for `STORAGES`."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

CONNECT_S = 5  # a server that is there answers a connection within a round trip
READ_S = 20  # without a single byte
CONNECTIONS = 8  # uploads, fetches and a removal at a time


def s3_storage(*, access_key: str | None, secret_key: str | None, **place: Any) -> dict[str, Any]:
    """Return an entry of `STORAGES`. Raises ImproperlyConfigured with what to do."""
    if bool(access_key) != bool(secret_key):
        raise ImproperlyConfigured("Set both S3_ACCESS_KEY and S3_SECRET_KEY, or neither")
    try:
        import storages  # noqa: F401 - an extra that most installations do without
        from botocore.config import Config
    except ImportError as error:
        raise ImproperlyConfigured(
            "S3_BUCKET is set, but what talks to S3 is not installed: pip install 'django-storages[s3]'"
        ) from error
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"total_max_attempts": 1},  # what failed stays visible as a row, and is tried again from there
        max_pool_connections=CONNECTIONS,
        signature_version="s3v4",
        s3={"addressing_style": "path"},  # a name per bucket is something that few servers of one's own have
        request_checksum_calculation="when_required",  # each upload brings its SHA-256; older servers refuse CRC-64
        response_checksum_validation="when_required",
    )
    options = {"access_key": access_key, "secret_key": secret_key, "client_config": config, **place}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
