"""The sound of many recordings at once, as small as a list draws it: a few numbers each, and where gaps are."""

import base64
import math
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBadRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from pages.choice import identity
from recordings.log.peaks import BINS_PER_SECOND, read_peaks
from recordings.log.recorder import folder_of
from recordings.models import Recording, Segment

MOST_AT_ONCE = 50  # as many as one page of the list has
POINTS = 240  # one for each pixel of a row's sound on a desk
APART_PIXELS = 6  # a gap is drawn 3 px wide at least: as much is left to the sound beside it
MAX_AGE_S = 600  # what has ended sounds the same tomorrow, but whoever loses the right to see it need not keep it
REMEMBERED = 2048  # of 1.3 KB each

Stretch = list[Any]


@login_required
@require_GET
def sounds(request: HttpRequest) -> HttpResponseBase:
    """Answer `{"ID": {"seconds", "peaks", "gaps"}}` for `?of=ID,ID`, of those that the person may see.

    `peaks` is base64 of int16 pairs, little-endian: minimum and maximum; `gaps` are [from, to, estimated], in seconds.
    """
    asked = [identity(text) for text in request.GET.get("of", "").split(",")]
    if not all(asked) or len(asked) > MOST_AT_ONCE:
        return HttpResponseBadRequest(_("Ask for 1 to %(count)s recordings by their ID.") % {"count": MOST_AT_ONCE})
    found = list(Recording.objects.visible_to(request.user).filter(pk__in=asked))
    gaps = _gaps(found)
    response = JsonResponse({str(each.pk): _sound(each, gaps[each.pk]) for each in found})
    if all(each.state == Recording.State.FINISHED for each in found):
        patch_cache_control(response, private=True, max_age=MAX_AGE_S)
    else:
        patch_cache_control(response, no_store=True)
    return response


def _sound(recording: Recording, gaps: list[Stretch]) -> dict[str, Any]:
    seconds = recording.duration_seconds
    points = min(POINTS, math.ceil(seconds * BINS_PER_SECOND))
    read = _ended_peaks if recording.state == Recording.State.FINISHED else _peaks
    peaks = read(folder_of(recording.organization_id, recording.pk), recording.sample_rate_hz, seconds, points)
    return {"seconds": seconds, "peaks": peaks, "gaps": _drawable(gaps, seconds / POINTS)}


def _peaks(folder: Path, sample_rate_hz: int, seconds: float, points: int) -> str:
    if not points:
        return ""
    shape = read_peaks(folder, sample_rate_hz, 0, seconds, points)
    return base64.b64encode(shape.astype("<i2").tobytes()).decode()


_ended_peaks = lru_cache(maxsize=REMEMBERED)(_peaks)  # its length is in the question: a mended one is read again


def _gaps(recordings: list[Recording]) -> dict[Any, list[Stretch]]:
    """Return where nothing was heard, in seconds from the start, of all `recordings` by one query."""
    rates = {each.pk: each.sample_rate_hz for each in recordings if each.gap_count}
    segments = Segment.objects.filter(recording__in=rates, gap_samples__gt=0).order_by("recording", "number")
    found: dict[Any, list[Stretch]] = defaultdict(list)
    for recording, start, gaps in segments.values_list("recording", "start_sample", "gaps"):
        passed = 0
        for at, samples, _reason, estimated in gaps:
            begin = start + at + passed
            found[recording].append([begin / rates[recording], (begin + samples) / rates[recording], estimated])
            passed += samples
    return found


def _drawable(gaps: list[Stretch], pixel_seconds: float) -> list[Stretch]:
    """Leave out what would be drawn over its neighbour: ten thousand gaps cost no more than there are pixels.

    A gap that is shorter than a pixel is drawn wider than it is; no two of those so close that the sound between them
    would not be seen.
    """
    shown: list[Stretch] = []
    for begin, end, estimated in gaps:
        is_apart = not shown or begin - shown[-1][1] >= APART_PIXELS * pixel_seconds
        if is_apart:
            shown.append([begin, end, estimated])
        elif end - begin >= pixel_seconds:
            shown[-1][1] = end
    return shown
