"""A recording as a WAV file: the header is computed when it is served, the sound is streamed from the segments."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request

from leganize.wire.pcm import SAMPLE_BYTES
from recordings.bucket import Unreachable
from recordings.file_names import file_stem
from recordings.models import Export, Recording
from recordings.moments import MAX_SECONDS, stretch_in
from recordings.ranges import answer
from recordings.sound import SILENCE, SKIP, length, read_pcm, sound_before
from recordings.wav import wav_header

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stretch:
    """A part of a recording, in samples of the axis that `gaps` names."""

    recording: Recording
    gaps: str
    from_sample: int
    to_sample: int

    @property
    def header(self) -> bytes:
        """What stands before the sound in a WAV file."""
        return wav_header(self._sound_bytes, self.recording.sample_rate_hz, self.recording.channels)

    @property
    def size(self) -> int:
        """How many bytes the WAV file has."""
        return len(self.header) + self._sound_bytes

    @property
    def etag(self) -> str:
        """Another one whenever a byte is another: a loss that is found late moves what comes after it."""
        kept = self.recording
        grows = kept.state != Recording.State.FINISHED
        version = f"{length(kept)}-{length(kept, SKIP)}" if grows else str(kept.stored_bytes)
        return f"{kept.pk.hex}-{self.gaps}-{self.from_sample}-{self.to_sample}-{version}"

    def read(self, first: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of the WAV file from one to another."""
        header = self.header
        if first < len(header):
            yield header[first:stop]
        at, end = max(first - len(header), 0), stop - len(header)
        if end <= at:
            return
        frame_bytes = SAMPLE_BYTES * self.recording.channels
        begin = self.from_sample + at // frame_bytes
        skipped, left = at % frame_bytes, end - at
        for piece in read_pcm(self.recording, begin, self.from_sample + -(-end // frame_bytes), self.gaps):
            yield piece[skipped : skipped + left]
            left -= len(piece) - skipped
            skipped = 0

    @property
    def _sound_bytes(self) -> int:
        return (self.to_sample - self.from_sample) * SAMPLE_BYTES * self.recording.channels


def stretch_of(recording: Recording, from_s: float = 0.0, to_s: float = MAX_SECONDS, gaps: str = SILENCE) -> Stretch:
    """Return the part between two moments, in seconds by the clock from its start, as far as it is written now."""
    written = length(recording)
    first, stop = (min(written, round(min(at, MAX_SECONDS) * recording.sample_rate_hz)) for at in (from_s, to_s))
    if gaps == SKIP:
        first, stop = sound_before(recording, first), sound_before(recording, stop)
    return Stretch(recording, gaps, first, stop)


@require_safe
def recording_wav(request: HttpRequest, recording_id: UUID) -> HttpResponseBase:
    """Send what is on disk of one recording, also while it still runs, to a session or an API key."""
    if request.headers.get("Authorization"):
        return _wav_by_key(request, recording_id=recording_id)
    return _wav_by_session(request, recording_id)


@login_required
def _wav_by_session(request: HttpRequest, recording_id: UUID) -> HttpResponseBase:
    return _wav(request, request.user, recording_id)


@extend_schema(exclude=True)
@api_view(["GET", "HEAD"])
def _wav_by_key(request: Request, recording_id: UUID) -> HttpResponseBase:
    return _wav(request._request, request.user, recording_id)


def _wav(request: HttpRequest, user: Any, recording_id: UUID) -> HttpResponseBase:
    found = Recording.objects.visible_to(user).select_related("device", "room").filter(pk=recording_id).first()
    if found is None:
        raise Http404
    try:
        stretch = stretch_of(found, *stretch_in(request.GET, MAX_SECONDS), _gaps(request))
    except ValueError as error:
        return JsonResponse({"detail": str(error)}, status=400)
    name = f"{file_stem(found)}.wav"
    try:
        return answer(
            request, stretch.read, size=stretch.size, etag=stretch.etag, content_type="audio/wav", file_name=name
        )
    except Unreachable as error:
        logger.warning("recording %s cannot be played: %s", found.pk, error)
        return JsonResponse({"detail": _("This sound lies elsewhere, and cannot be reached now.")}, status=503)


def _gaps(request: HttpRequest) -> str:
    asked = request.GET.get("gaps", SILENCE)
    if asked not in Export.Gaps.values:
        raise ValueError(_("“gaps” is one of: %(all)s.") % {"all": ", ".join(Export.Gaps.values)})
    return asked
