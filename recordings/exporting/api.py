"""Exports over REST: asked for, watched, cancelled, and in the end removed."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status, viewsets
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.decisions import (
    NOT_DECIDED,
    NOT_READABLE,
    AnswersInSentences,
    RefusalSerializer,
    impossible_is_400,
    refuse_unknown,
)
from accounts.tenancy import may_operate
from recordings.exporting.exports import TooMany, ask, cancel, recordings_of_room, visible_exports
from recordings.models import Export, Recording
from recordings.schema import ExportSerializer, ExportWishSerializer
from rooms.api import UUID_IN_PATH
from rooms.models import Room

BUSY = {429: OpenApiResponse(RefusalSerializer, "Too many files of this organization are being made.")}


class Busy(APIException):
    """One more job has to wait to be asked for."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS


class ExportViewSet(AnswersInSentences, viewsets.GenericViewSet):
    """Files made of recordings in the background; who may listen may ask for them."""

    queryset = Export.objects.none()  # only names the model: what is seen starts from the person
    serializer_class = ExportSerializer
    lookup_value_regex = UUID_IN_PATH

    def get_queryset(self) -> QuerySet[Export]:
        return visible_exports(self.request.user).prefetch_related("recordings")

    @extend_schema(
        summary="Files that were asked for, the newest first",
        responses={200: ExportSerializer(many=True), **NOT_READABLE},
    )
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ExportSerializer(page, many=True).data)

    @extend_schema(summary="How far a file is", responses={200: ExportSerializer, **NOT_READABLE})
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(ExportSerializer(self.get_object()).data)

    @extend_schema(
        summary="Ask for a file of recordings, or of a room",
        request=ExportWishSerializer,
        responses={201: ExportSerializer, **NOT_DECIDED, **BUSY},
    )
    def create(self, request: Request) -> Response:
        wish = ExportWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        refuse_unknown(request.data, wish.fields)
        wanted = dict(wish.validated_data)
        recordings = self._recordings(wanted)
        with impossible_is_400():
            export = self._asked(recordings, wanted)
        return Response(ExportSerializer(export).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Cancel what is being made, remove what is done", responses={204: None, **NOT_DECIDED})
    def destroy(self, request: Request, pk: str) -> Response:
        export = self.get_object()
        if export.asked_by_id != request.user.pk and not may_operate(request.user, export.organization):
            raise PermissionDenied(_("Somebody else asked for this. Cancelling it is for them and for operators."))
        cancel(export)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _recordings(self, wanted: dict[str, Any]) -> QuerySet[Recording]:
        user = self.request.user
        if "room" in wanted:
            return recordings_of_room(user, get_object_or_404(Room.objects.visible_to(user), pk=wanted["room"]))
        named = set(wanted["recordings"])
        found = Recording.objects.visible_to(user).filter(pk__in=named).order_by("started_at")
        if found.count() != len(named):
            raise NotFound
        return found

    def _asked(self, recordings: QuerySet[Recording], wanted: dict[str, Any]) -> Export:
        is_zipped = wanted["zipped"] or "room" in wanted
        try:
            return ask(
                self.request.user, recordings, file_format=wanted["format"], gaps=wanted["gaps"], zipped=is_zipped,
                from_at=wanted.get("from"), to_at=wanted.get("to"),
            )  # fmt: skip
        except TooMany as error:
            raise Busy(str(error)) from error
