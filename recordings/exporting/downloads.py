"""The finished file of an export, for who may hear what is in it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from recordings.exporting.exports import file_of, visible_exports
from recordings.listening.doors import by_session_or_key
from recordings.listening.ranges import answer
from recordings.models import Export

PIECE_BYTES = 256 * 1024
CONTENT_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "zip": "application/zip",
}


@by_session_or_key
def export_file(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Send the file, or the part of it that was asked for."""
    export = visible_exports(request.user).filter(pk=pk, state=Export.State.DONE).first()
    if export is None:
        raise Http404
    path = file_of(export)
    if not path.is_file():  # on another server's disk, where they share no folder
        raise Http404
    kind = CONTENT_TYPES[export.file_name.rpartition(".")[2]]

    def read(first: int, stop: int) -> Iterator[bytes]:
        return _read(path, first, stop)

    size = path.stat().st_size
    return answer(request, read, size=size, etag=export.pk.hex, content_type=kind, file_name=export.file_name)


def _read(path: Path, first: int, stop: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while first < stop and (piece := file.read(min(PIECE_BYTES, stop - first))):
            first += len(piece)
            yield piece
