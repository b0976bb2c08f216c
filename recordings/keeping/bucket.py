"""The bucket as we use it: a file put there with its SHA-256, that sum asked back, a copy fetched, copies removed."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.storage import storages

STORAGE = "recordings-offsite"
PIECE_BYTES = 256 * 1024
NOT_FOUND = ("404", "NoSuchKey", "NotFound")


class Unreachable(OSError):
    """The bucket does not answer, or refuses; the text says why in one line."""


def is_configured() -> bool:
    """Tell whether this installation has a bucket."""
    return STORAGE in settings.STORAGES


def put(key: str, data: bytes) -> None:
    """Put some MB at most into the bucket, which refuses what arrives altered. Raises OSError."""
    with _speaking() as client:
        client.put_object(
            Bucket=_bucket_name(),
            Key=_full(key),
            Body=data,
            ContentType="application/octet-stream",
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_as_told(hashlib.sha256(data).digest()),
        )


def holds(key: str, data: bytes) -> bool:
    """Ask whether the bucket has exactly `data` under `key`. Raises OSError.

    It is asked for its own SHA-256; where it keeps none it is read, and the sum made here. An ETag is no proof.
    """
    sum_here = hashlib.sha256(data).digest()
    with _speaking() as client:
        try:
            head = client.head_object(Bucket=_bucket_name(), Key=_full(key), ChecksumMode="ENABLED")
        except client.exceptions.ClientError as error:
            if _code(error) in NOT_FOUND:
                return False
            raise
        if head["ContentLength"] != len(data):
            return False
        told = head.get("ChecksumSHA256", "")
        if told and "-" not in told:  # with a dash it would be a sum of sums, of a copy in parts that we never make
            return bool(told == _as_told(sum_here))
    return _read(key) == sum_here


def fetch(key: str, file: BinaryIO) -> None:
    """Write a copy of what is under `key` into `file`. Raises FileNotFoundError when nothing is, or OSError."""
    with _speaking() as client:
        try:
            body = client.get_object(Bucket=_bucket_name(), Key=_full(key))["Body"]
        except client.exceptions.ClientError as error:
            if _code(error) in NOT_FOUND:
                raise FileNotFoundError(f"{key} is not in the bucket") from error
            raise
        for piece in body.iter_chunks(PIECE_BYTES):
            file.write(piece)


def remove(key: str) -> None:
    """Remove one copy, if it is there. Raises OSError."""
    with _speaking() as client:
        client.delete_object(Bucket=_bucket_name(), Key=_full(key))


def remove_all(folder: str) -> int:
    """Remove every copy under `folder`, and return how many those were. Raises OSError."""
    removed = 0
    with _speaking() as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=_bucket_name(), Prefix=_full(folder) + "/")
        for page in pages:
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if keys:
                answer = client.delete_objects(Bucket=_bucket_name(), Delete={"Objects": keys, "Quiet": True})
                if answer.get("Errors"):
                    raise Unreachable(f"{answer['Errors'][0].get('Message', 'refused')}: {folder}")
                removed += len(keys)
    return removed


def _read(key: str) -> bytes:
    """Return the SHA-256 of what the bucket really gives."""
    total = hashlib.sha256()
    fetch(key, cast(BinaryIO, _Sum(total)))
    return total.digest()


class _Sum:
    def __init__(self, total: Any) -> None:
        self.write = total.update


def _full(key: str) -> str:
    return f"{settings.S3_PREFIX}/{key}" if settings.S3_PREFIX else key


def _as_told(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _bucket_name() -> str:
    return cast(str, _storage().bucket_name)


def _storage() -> Any:
    return storages[STORAGE]


@cache
def _client_of(storage: Any) -> Any:
    return storage.connection.meta.client  # a client may be shared by threads, what it was taken from may not


@contextmanager
def _speaking() -> Iterator[Any]:
    """Turn everything that may go wrong on the way into one kind of error with one line of text."""
    from botocore.exceptions import BotoCoreError, ClientError  # an extra that most installations do without

    try:
        yield _client_of(_storage())
    except (BotoCoreError, ClientError) as error:
        raise Unreachable(" ".join(str(error).split())[:300]) from error
