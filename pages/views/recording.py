"""One recording: heard and seen beside the others of its room, named, kept, deleted and taken back."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.tenancy import may_operate
from pages.decisions import decide, require_operator
from pages.gaps import gaps_in_words, length_in_words
from pages.lanes import board_of, markers_of, name_of
from pages.recording_rows import rows_of
from pages.times import stopwatch, viewers_zone
from recordings import naming
from recordings.exporting.exports import visible_exports
from recordings.keeping import retention
from recordings.listening.moments import seconds_in
from recordings.models import Export, Recording
from recordings.schema import ExportSerializer

EXPORTS_SHOWN = 5
FAILURE_SHOWN = timedelta(hours=1)  # later nobody waits for it any more
GAPS_SHOWN = 100  # so many the server writes; the page's module has them all


@login_required
@require_GET
def recording(request: HttpRequest, pk: Any) -> HttpResponse:
    """Show one recording, also while it still grows."""
    found = get_object_or_404(_seen(request), pk=pk)
    board = _whole_board(found, request)
    own = board["lanes"][0]["takes"][0]
    context = {
        "recording": found,
        "title": found.title or _usual_title(found, request),
        "usual_title": _usual_title(found, request),
        "board": board,
        "gaps": [_placed(gap, found) for gap in own["gaps"][:GAPS_SHOWN]],
        "markers": [_placed(marker, found) for marker in board["markers"]],
        "may_operate": board["mayOperate"],
        "formats": Export.Format.choices,
        "undo_hours": settings.DELETE_UNDO_HOURS,
    }
    return render(request, "pages/recording.html", context)


@never_cache
@login_required
@require_GET
def now(request: HttpRequest, pk: Any) -> JsonResponse:
    """Tell a page that is open how far the recording has come; `since` (seconds) leaves out the gaps it has."""
    found = get_object_or_404(_seen(request), pk=pk)
    try:
        since_s = seconds_in(request.GET, "since", 0.0)
    except ValueError as error:
        return JsonResponse({"detail": str(error)}, status=400)
    return JsonResponse(_board(found, request, since_s))


@login_required
@require_POST
def rename(request: HttpRequest, pk: Any) -> HttpResponse:
    """Name a recording for a browser without JavaScript; others ask the API."""
    found = _to_change(request, pk)
    title = request.POST.get("title", "")
    return decide(request, lambda: naming.rename(found, title, by=request.user), _("Saved."), _page_of(found))


@login_required
@require_POST
def keep(request: HttpRequest, pk: Any) -> HttpResponse:
    """Keep a recording whatever its age, or let it go with the others again, without JavaScript."""
    found = _to_change(request, pk)
    on = request.POST.get("kept") == "yes"
    done = _("Kept until you say otherwise.") if on else _("It goes with the others again.")
    return decide(request, lambda: retention.keep(found, request.user, on=on), done, _page_of(found))


@login_required
@require_POST
def delete(request: HttpRequest, pk: Any) -> HttpResponse:
    """Delete a recording without JavaScript; the list then offers to take it back."""
    found = _to_change(request, pk)
    try:
        retention.delete(found, request.user)
    except ValueError as error:
        messages.error(request, str(error))
        return redirect("recording", pk)
    return redirect(f"{reverse('recordings')}?deleted={found.pk}")


def _seen(request: HttpRequest) -> QuerySet[Recording]:
    return Recording.objects.visible_to(request.user).select_related("organization", "room", "device")


def _to_change(request: HttpRequest, pk: Any) -> Recording:
    found: Recording = get_object_or_404(_seen(request), pk=pk)
    require_operator(request, found.organization)
    return found


def _page_of(recording: Recording) -> str:
    return reverse("recording", args=[recording.pk])


def _board(recording: Recording, request: HttpRequest, since_s: float | None = None) -> dict[str, Any]:
    said = {"sum": sum_in_words(recording), "standing": rows_of([recording])[0].state}
    return board_of(recording, request.user, since_s) | said


def _whole_board(recording: Recording, request: HttpRequest) -> dict[str, Any]:
    """Return also what does not change by itself: markers, this person's files, and what they may do."""
    board = _board(recording, request)
    return {
        **board,
        "markers": markers_of(recording, board),
        "exports": _exports(recording, request),
        "mayOperate": may_operate(request.user, recording.organization),
        "you": name_of(request.user),
    }


def sum_in_words(recording: Recording) -> dict[str, str]:
    """Say what a recording amounts to so that the parts add up: by the clock = sound + missing, in whole seconds."""
    clock_s, sound_s = round(recording.duration_seconds), round(recording.audio_seconds)
    clock = _("%(length)s by the clock") % {"length": stopwatch(clock_s)}
    if not recording.gap_count:
        over = recording.state == Recording.State.FINISHED
        words = _("%(length)s of sound, nothing missing") if over else _("%(length)s of sound, nothing missing so far")
        return {"clock": clock, "sound": words % {"length": stopwatch(clock_s)}, "missing": ""}
    missing_s = recording.missing_seconds
    missing = stopwatch(clock_s - sound_s) if missing_s >= 1 else length_in_words(missing_s)
    said = {"length": missing, "gaps": gaps_in_words(recording.gap_count)}
    return {
        "clock": clock,
        "sound": _("%(length)s of sound") % {"length": stopwatch(sound_s)},
        "missing": _("%(length)s missing in %(gaps)s") % said,
    }


def _exports(recording: Recording, request: HttpRequest) -> list[dict[str, Any]]:
    """Return the files that this person asked for of `recording`, the newest first, as the API tells of them."""
    over_since = timezone.now() - FAILURE_SHOWN
    found = (
        visible_exports(request.user)
        .filter(asked_by=request.user, recordings=recording)
        .exclude(state=Export.State.CANCELLED)
        .exclude(state=Export.State.FAILED, finished_at__lt=over_since)
        .prefetch_related("recordings")
        .order_by("-asked_at")
    )
    return [dict(each) for each in ExportSerializer(found[:EXPORTS_SHOWN], many=True).data]


def _usual_title(recording: Recording, request: HttpRequest) -> str:
    """Return what a recording is called before anybody named it: its room and its day."""
    day = recording.started_at.astimezone(viewers_zone(request))
    return f"{recording.room}, {date_format(day, 'j E')}"


def _placed(shown: dict[str, Any], recording: Recording) -> dict[str, Any]:
    return {**shown, "moment": recording.started_at + timedelta(seconds=shown["at"])}
