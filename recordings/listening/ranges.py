"""Which bytes of a file a request wants (RFC 9110, section 14), and the answer that streams them off the event loop."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

from channels.db import DatabaseSyncToAsync
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

READERS = 8  # a slow disk or a slow store keeps downloads waiting, and nothing else
MAX_DIGITS = 18  # more than any file is long, less than what Python refuses to read as a number
_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
_threads = ThreadPoolExecutor(READERS, "downloads")

Read = Callable[[int, int], Iterator[bytes]]


class Unsatisfiable(ValueError):
    """No byte that was asked for exists."""


def wanted(header: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last of `Range: header`, or None where all of it is sent.

    Several ranges are answered with the whole, as RFC 9110 allows: a thousand of them then cost no more than none.
    What is no range at all is ignored. Raises Unsatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header)
    if not match or not any(match.groups()):
        return None
    first, last = (_number(digits) if digits else None for digits in match.groups())
    if first is None:
        first, last = max(0, size - (last or 0)), None
    if last is not None and last < first:
        return None
    if first >= size:
        raise Unsatisfiable(f"byte {first} of {size}")
    return first, size if last is None else min(last + 1, size)


def answer(
    request: HttpRequest, read: Read, *, size: int, etag: str, content_type: str, file_name: str
) -> HttpResponseBase:
    """Answer GET and HEAD for a file of `size` bytes whose bytes from one to another `read` yields, on a thread.

    Raises what `read` raises at its beginning.
    """
    tag = f'"{etag}"'
    if _has(request.headers.get("If-None-Match", ""), tag):
        return _described(HttpResponseNotModified(), tag, content_type="", file_name="")
    try:
        part = wanted(request.headers.get("Range", ""), size) if _takes_ranges(request, tag) else None
    except Unsatisfiable:
        refusal = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        return _described(refusal, tag, content_type="text/plain", file_name="")
    first, stop = part or (0, size)
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        pieces = read(first, stop)
        begun = list(islice(pieces, 2))  # a header and the first of what follows: an error is told, not a broken answer
        response = StreamingHttpResponse(_stream(chain(begun, pieces)), status=206 if part else 200)
    if part:
        response["Content-Range"] = f"bytes {first}-{stop - 1}/{size}"
    response["Content-Length"] = str(stop - first)
    return _described(response, tag, content_type=content_type, file_name=file_name)


def _takes_ranges(request: HttpRequest, tag: str) -> bool:
    # for HEAD no range is defined; a date in If-Range never holds, because we send no Last-Modified
    return request.method == "GET" and request.headers.get("If-Range", tag).strip() == tag


def _has(header: str, tag: str) -> bool:
    tags = parse_etags(header)
    return "*" in tags or tag in tags or f"W/{tag}" in tags


def _number(digits: str) -> int:
    return int(digits[:MAX_DIGITS]) if len(digits) <= MAX_DIGITS else 10**MAX_DIGITS


def _described(response: HttpResponseBase, tag: str, *, content_type: str, file_name: str) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"  # who loses the right to hear it must not find it in a cache
    if content_type:
        response["Content-Type"] = content_type
    if file_name:
        response["Content-Disposition"] = content_disposition_header(True, file_name) or ""
    return response


async def _stream(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what is read piece by piece on a thread, which gives its database connection back after each."""
    take = DatabaseSyncToAsync(next, thread_sensitive=False, executor=_threads)
    while (piece := await take(pieces, None)) is not None:
        yield piece
