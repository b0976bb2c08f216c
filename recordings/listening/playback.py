"""A recording as a WAV file: the header is computed when it is served, the sound is streamed from the segments."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from recordings.keeping.bucket import Unreachable
from recordings.listening.doors import by_session_or_key
from recordings.listening.file_names import file_stem
from recordings.listening.moments import MAX_SECONDS, stretch_in
from recordings.listening.ranges import answer
from recordings.listening.sound import SILENCE, SKIP, length
from recordings.listening.stretch import Stretch, stretch_of
from recordings.listening.wav import wav_header
from recordings.models import Export, Recording

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wav:
    """The file that a stretch of sound would be, any bytes of which can be read."""

    stretch: Stretch

    @property
    def header(self) -> bytes:
        """What stands before the sound."""
        kept = self.stretch.recording
        return wav_header(self.stretch.pcm_bytes, kept.sample_rate_hz, kept.channels)

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.header) + self.stretch.pcm_bytes

    @property
    def etag(self) -> str:
        """Another one whenever a byte is another: a loss that is found late moves what comes after it."""
        part, kept = self.stretch, self.stretch.recording
        grows = kept.state != Recording.State.FINISHED
        version = f"{length(kept)}-{length(kept, SKIP)}" if grows else str(kept.stored_bytes)
        return f"{kept.pk.hex}-{part.gaps}-{part.from_sample}-{part.to_sample}-{version}"

    def read(self, first: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from one to another. Raises Unreachable."""
        header, frame_bytes = self.header, self.stretch.frame_bytes
        if first < len(header):
            yield header[first:stop]
        at, end = max(first - len(header), 0), stop - len(header)
        if end <= at:
            return
        skipped, left = at % frame_bytes, end - at
        for piece in self.stretch.pcm(at // frame_bytes, -(-end // frame_bytes)):
            yield piece[skipped : skipped + left]
            left -= len(piece) - skipped
            skipped = 0


@by_session_or_key
def recording_wav(request: HttpRequest, recording_id: UUID) -> HttpResponseBase:
    """Send what is on disk of one recording, also while it still runs."""
    seen = Recording.objects.visible_to(request.user).select_related("device", "room")
    found = seen.filter(pk=recording_id).first()
    if found is None:
        raise Http404
    try:
        wav = Wav(stretch_of(found, *stretch_in(request.GET, MAX_SECONDS), _gaps(request)))
    except ValueError as error:
        return JsonResponse({"detail": str(error)}, status=400)
    name = f"{file_stem(found)}.wav"
    try:
        return answer(request, wav.read, size=wav.size, etag=wav.etag, content_type="audio/wav", file_name=name)
    except Unreachable as error:
        logger.warning("recording %s cannot be played: %s", found.pk, error)
        return JsonResponse({"detail": _("This sound lies elsewhere, and cannot be reached now.")}, status=503)


def _gaps(request: HttpRequest) -> str:
    asked = request.GET.get("gaps", SILENCE)
    if asked not in Export.Gaps.values:
        raise ValueError(_("“gaps” is one of: %(all)s.") % {"all": ", ".join(Export.Gaps.values)})
    return asked
