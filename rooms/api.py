"""Rooms over REST: list, make, rename, record or only listen, end."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.decisions import (
    NOT_DECIDED,
    NOT_READABLE,
    AnswersInSentences,
    impossible_is_400,
    refuse_unknown,
    require_operator,
)
from accounts.models import Organization
from rooms.lifecycle import change_room, create_room, end_room
from rooms.models import Room

UUID_IN_PATH = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


class RoomSerializer(serializers.ModelSerializer):
    """A room as the API tells of it, and what may be said to change it."""

    name = serializers.CharField(max_length=120)
    organization = serializers.UUIDField(
        source="organization_id", required=False, help_text="On create only; left out: your own."
    )
    may_control = serializers.SerializerMethodField(help_text="Whether you may start, stop and change things here.")

    class Meta:
        model = Room
        fields = ["id", "name", "status", "records", "organization", "may_control", "started_at", "ended_at"]
        read_only_fields = ["status", "started_at", "ended_at"]

    def get_may_control(self, room: Room) -> bool:
        return room.organization_id in self._operable()

    def _operable(self) -> set[Any]:
        if "operable" not in self.context:  # once for a whole list
            mine = Organization.objects.operable_by(self.context["request"].user)
            self.context["operable"] = set(mine.values_list("pk", flat=True))
        return self.context["operable"]


@extend_schema_view(
    list=extend_schema(
        summary="Rooms that you may see, the newest first",
        parameters=[OpenApiParameter("status", enum=Room.Status.values, description="Only rooms of this status")],
        responses={200: RoomSerializer(many=True), 400: NOT_DECIDED[400], **NOT_READABLE},
    ),
    retrieve=extend_schema(summary="One room", responses={200: RoomSerializer, **NOT_READABLE}),
)
class RoomViewSet(AnswersInSentences, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Where devices meet and people listen."""

    queryset = Room.objects.none()  # only names the model: what is seen starts from the person
    serializer_class = RoomSerializer
    lookup_value_regex = UUID_IN_PATH
    http_method_names = ["get", "post", "patch", "head", "options"]

    def get_queryset(self) -> QuerySet[Room]:
        return Room.objects.visible_to(self.request.user).select_related("organization")

    def filter_queryset(self, queryset: QuerySet[Room]) -> QuerySet[Room]:
        status = self.request.query_params.get("status")
        if status is None or self.action != "list":
            return queryset
        if status not in Room.Status.values:
            raise ValidationError({"status": [_("One of %(all)s.") % {"all": ", ".join(Room.Status.values)}]})
        return queryset.filter(status=status)

    @extend_schema(summary="Make a room", responses={201: RoomSerializer, **NOT_DECIDED})
    def create(self, request: Request) -> Response:
        wanted = self._validated(request)
        organization = self._organization(wanted.pop("organization_id", None))
        require_operator(request.user, organization)
        with impossible_is_400():
            room = create_room(organization, by=request.user, **wanted)
        return Response(self.get_serializer(room).data, status=201)

    @extend_schema(
        summary="Rename a room, or choose whether it records", responses={200: RoomSerializer, **NOT_DECIDED}
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        room = self.get_object()
        require_operator(request.user, room.organization)
        wanted = self._validated(request, partial=True)
        wanted.pop("organization_id", None)  # a room stays where it was made: its recordings are that organization's
        with impossible_is_400():
            change_room(room, by=request.user, **wanted)
        return Response(self.get_serializer(room).data)

    @extend_schema(summary="End a room for good", request=None, responses={200: RoomSerializer, **NOT_DECIDED})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        room = self.get_object()
        require_operator(request.user, room.organization)
        with impossible_is_400():
            end_room(room, by=request.user)
        return Response(self.get_serializer(room).data)

    def _validated(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        serializer = self.get_serializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        refuse_unknown(request.data, serializer.fields)
        return dict(serializer.validated_data)

    def _organization(self, pk: Any) -> Organization:
        if pk is not None:
            return get_object_or_404(Organization.objects.visible_to(self.request.user), pk=pk)
        home = self.request.user.home_organization()
        if home is None:
            raise ValidationError({"detail": _("You belong to no organization yet. Ask its owner to add you.")})
        return home
