"""Recordings over REST: what is kept, what it is called, its shape, and the moments that people marked."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.decisions import (
    NOT_DECIDED,
    NOT_READABLE,
    AnswersInSentences,
    RefusalSerializer,
    impossible_is_400,
    refuse_unknown,
    require_operator,
)
from devices.models import Device
from recordings import naming
from recordings.keeping import retention
from recordings.listening.gaps import gaps_of
from recordings.listening.moments import stretch_in
from recordings.log.peaks import read_peaks
from recordings.log.recorder import folder_of
from recordings.models import Marker, Recording
from recordings.schema import (
    MarkerSerializer,
    PeaksSerializer,
    RecordingChangeSerializer,
    RecordingSerializer,
)
from rooms.api import UUID_IN_PATH
from rooms.models import Room

MAX_POINTS = 4000  # as wide as a screen gets
USUAL_POINTS = 1000
MAX_MARKERS = 1000  # in one recording: a page still draws them all
CONFLICT = {409: OpenApiResponse(RefusalSerializer, "Not now; the sentence says why.")}
_STRETCH = [
    OpenApiParameter("from", OpenApiTypes.DOUBLE, description="Seconds from the start; left out: 0"),
    OpenApiParameter("to", OpenApiTypes.DOUBLE, description="Seconds from the start; left out: the end"),
]


class Conflict(APIException):
    """A decision that stands against a state which may end: a legal hold, a recording that runs."""

    status_code = status.HTTP_409_CONFLICT


class PeaksBytes(BaseRenderer):
    """Peaks as int16 pairs, little-endian, for who asks for `application/octet-stream`."""

    media_type = "application/octet-stream"
    format = "bytes"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        pairs = data.get("points", ())
        return struct.pack(f"<{2 * len(pairs)}h", *(value for pair in pairs for value in pair))


class RecordingViewSet(AnswersInSentences, viewsets.GenericViewSet):
    """What one device captured in one room, from its start until its stop."""

    queryset = Recording.objects.none()  # only names the model: what is seen starts from the person
    serializer_class = RecordingSerializer
    lookup_value_regex = UUID_IN_PATH
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[Recording]:
        return Recording.objects.visible_to(self.request.user).select_related("organization", "room", "device")

    @extend_schema(
        summary="Recordings that you may see, the newest first",
        parameters=[
            OpenApiParameter("room", OpenApiTypes.UUID, description="Only recordings made in this room"),
            OpenApiParameter("device", OpenApiTypes.UUID, description="Only recordings of this device"),
            OpenApiParameter("state", enum=Recording.State.values, description="Only recordings in this state"),
            OpenApiParameter("q", description="Only those whose name, room or device says this"),
        ],
        responses={200: RecordingSerializer(many=True), 400: NOT_DECIDED[400], **NOT_READABLE},
    )
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self._asked_for(request))
        return self.get_paginated_response(RecordingSerializer(page, many=True, context=_gaps(page)).data)

    @extend_schema(summary="One recording", responses={200: RecordingSerializer, **NOT_READABLE})
    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Name a recording, or keep it whatever its age",
        request=RecordingChangeSerializer,
        responses={200: RecordingSerializer, **NOT_DECIDED},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        recording = self._to_change()
        wanted = RecordingChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        refuse_unknown(request.data, wanted.fields)
        with impossible_is_400():
            if "title" in wanted.validated_data:
                naming.rename(recording, wanted.validated_data["title"], by=request.user)
            if "kept" in wanted.validated_data:
                retention.keep(recording, request.user, on=wanted.validated_data["kept"])
        return self._told(recording)

    @extend_schema(
        summary="Delete a recording; for a day it can be taken back",
        responses={204: None, **NOT_DECIDED, **CONFLICT},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        recording = self._to_change()
        with _refusal_is_409():
            retention.delete(recording, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Take a deletion back",
        request=None,
        responses={200: RecordingSerializer, **NOT_DECIDED, **CONFLICT},
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        seen = Recording.objects.visible_to(request.user) | Recording.objects.operable_by(request.user)
        recording = get_object_or_404(seen.select_related("organization", "room", "device"), pk=pk)
        require_operator(request.user, recording.organization)
        with _refusal_is_409():
            retention.restore(recording, request.user)
        return self._told(recording)

    @extend_schema(
        summary="The shape of a recording, or of a part of it, for drawing",
        description=f"As JSON, or as int16 pairs, little-endian, with `Accept: {PeaksBytes.media_type}`.",
        parameters=[
            *_STRETCH,
            OpenApiParameter("points", OpenApiTypes.INT, description=f"How many; at most {MAX_POINTS} are given"),
        ],
        responses={
            (200, "application/json"): PeaksSerializer,
            (200, PeaksBytes.media_type): OpenApiTypes.BINARY,
            400: NOT_DECIDED[400],
            **NOT_READABLE,
        },
    )
    @action(detail=True, methods=["get"], renderer_classes=[JSONRenderer, PeaksBytes])
    def peaks(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        with impossible_is_400():
            from_s, to_s = stretch_in(request.query_params, recording.duration_seconds)
            points = _points(request.query_params.get("points"))
        folder = folder_of(recording.organization_id, recording.pk)
        found = read_peaks(folder, recording.sample_rate_hz, from_s, to_s, points)
        return Response({"from": from_s, "to": to_s, "points": found.tolist()})

    def _asked_for(self, request: Request) -> QuerySet[Recording]:
        asked, found = request.query_params, self.get_queryset()
        if "room" in asked:
            found = found.filter(room=_named(Room.objects.visible_to(request.user), asked, "room"))
        if "device" in asked:
            found = found.filter(device=_named(Device.objects.visible_to(request.user), asked, "device"))
        if "state" in asked:
            if asked["state"] not in Recording.State.values:
                raise ValidationError({"state": [_("One of: %(all)s.") % {"all": ", ".join(Recording.State.values)}]})
            found = found.filter(state=asked["state"])
        return saying(found, asked.get("q", "").strip())

    def _to_change(self) -> Recording:
        recording: Recording = self.get_object()
        require_operator(self.request.user, recording.organization)
        return recording

    def _told(self, recording: Recording) -> Response:
        return Response(RecordingSerializer(recording, context=_gaps([recording])).data)


class MarkerViewSet(AnswersInSentences, viewsets.GenericViewSet):
    """Moments of a recording that people named."""

    queryset = Marker.objects.none()  # only names the model: what is seen starts from the person
    serializer_class = MarkerSerializer
    lookup_value_regex = "[0-9]{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[Marker]:
        return self._recording().markers.select_related("author")

    @extend_schema(summary="The markers of a recording", responses={200: MarkerSerializer(many=True), **NOT_READABLE})
    def list(self, request: Request, recording_id: str) -> Response:
        recording = self._recording()
        page = self.paginate_queryset(recording.markers.select_related("author"))
        return self.get_paginated_response(MarkerSerializer(page, many=True, context={"recording": recording}).data)

    @extend_schema(summary="Mark a moment", responses={201: MarkerSerializer, **NOT_DECIDED, **CONFLICT})
    def create(self, request: Request, recording_id: str) -> Response:
        recording = self._recording(to_change=True)
        if recording.markers.count() >= MAX_MARKERS:
            raise Conflict(_("This recording has %(count)s markers, and takes no more.") % {"count": MAX_MARKERS})
        wanted = self._checked(request, recording)
        wanted.save(recording=recording, author=request.user)
        return Response(wanted.data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Move a marker, or name it", responses={200: MarkerSerializer, **NOT_DECIDED})
    def partial_update(self, request: Request, recording_id: str, pk: str) -> Response:
        recording = self._recording(to_change=True)
        wanted = self._checked(request, recording, get_object_or_404(recording.markers, pk=pk), partial=True)
        wanted.save()
        return Response(wanted.data)

    @extend_schema(summary="Remove a marker", responses={204: None, **NOT_DECIDED})
    def destroy(self, request: Request, recording_id: str, pk: str) -> Response:
        get_object_or_404(self._recording(to_change=True).markers, pk=pk).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _recording(self, *, to_change: bool = False) -> Recording:
        found = Recording.objects.visible_to(self.request.user).select_related("organization")
        recording = get_object_or_404(found, pk=self.kwargs["recording_id"])
        if to_change:
            require_operator(self.request.user, recording.organization)
        return recording

    def _checked(self, request: Request, recording: Recording, *marker: Marker, **how: Any) -> MarkerSerializer:
        wanted = MarkerSerializer(*marker, data=request.data, context={"recording": recording}, **how)
        wanted.is_valid(raise_exception=True)
        refuse_unknown(request.data, wanted.fields)
        return wanted


def saying(found: QuerySet[Recording], text: str) -> QuerySet[Recording]:
    """Narrow to recordings whose name, room or device says `text`."""
    if "\0" in text:  # no name has one, and PostgreSQL refuses to be asked
        return found.none()
    names = ("title", "room__name", "device__name", "device__device_id")
    wanted = Q()
    for name in names if text else ():
        wanted |= Q(**{f"{name}__icontains": text})
    return found.filter(wanted)


@contextmanager
def _refusal_is_409() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Conflict(str(error)) from error


def _gaps(recordings: list[Recording]) -> dict[str, Any]:
    return {"gaps": gaps_of(recordings)}


def _named(found: QuerySet[Any], asked: Any, name: str) -> Any:
    try:
        return get_object_or_404(found, pk=UUID(asked[name]))
    except ValueError as error:
        raise ValidationError({name: [_("Not a UUID.")]}) from error


def _points(text: str | None) -> int:
    if text is None:
        return USUAL_POINTS
    if not (text.isascii() and text.isdigit() and text.strip("0")):
        raise ValueError(_("“points” is a whole number, 1 or more."))
    return min(int(text[:9]), MAX_POINTS)
