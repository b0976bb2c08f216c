"""Recordings over REST: the list of what is kept."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import ValidationError

from accounts.decisions import NOT_DECIDED, NOT_READABLE, AnswersInSentences
from recordings.gaps import gaps_of
from recordings.models import Recording
from rooms.models import Room


class GapSerializer(serializers.Serializer):
    """A stretch of time of which nothing was kept, and why."""

    started_at = serializers.DateTimeField()
    seconds = serializers.FloatField()
    reason = serializers.CharField()


class RecordingSerializer(serializers.ModelSerializer):
    """A recording as the API tells of it."""

    room = serializers.UUIDField(source="room_id")
    device = serializers.UUIDField(source="device_id")
    duration_seconds = serializers.SerializerMethodField(
        help_text="By the clock, sound and gaps; of a running one, up to what is written."
    )
    bytes = serializers.IntegerField(source="stored_bytes", help_text="On disk.")
    gaps = serializers.SerializerMethodField(help_text="While its device was away.")
    wav = serializers.SerializerMethodField(help_text="The path from which its sound is downloaded.")

    class Meta:
        model = Recording
        fields = [
            "id", "room", "device", "state", "started_at", "duration_seconds", "audio_seconds", "bytes", "gaps", "wav",
        ]  # fmt: skip

    def get_duration_seconds(self, recording: Recording) -> float:
        until = recording.ended_at or recording.written_until or recording.started_at
        return max(until - recording.started_at, timedelta()).total_seconds()

    @extend_schema_field(GapSerializer(many=True))
    def get_gaps(self, recording: Recording) -> list[dict[str, Any]]:
        return GapSerializer(gaps_of(recording), many=True).data

    def get_wav(self, recording: Recording) -> str:
        return f"/recordings/{recording.pk}/audio.wav"


@extend_schema_view(
    list=extend_schema(
        summary="Recordings that you may see, the newest first",
        parameters=[OpenApiParameter("room", OpenApiTypes.UUID, description="Only recordings made in this room")],
        responses={200: RecordingSerializer(many=True), 400: NOT_DECIDED[400], **NOT_READABLE},
    )
)
class RecordingViewSet(AnswersInSentences, mixins.ListModelMixin, viewsets.GenericViewSet):
    """What one device captured in one room, from its start until its stop."""

    queryset = Recording.objects.none()  # only names the model: what is seen starts from the person
    serializer_class = RecordingSerializer

    def get_queryset(self) -> QuerySet[Recording]:
        return Recording.objects.visible_to(self.request.user)

    def filter_queryset(self, queryset: QuerySet[Recording]) -> QuerySet[Recording]:
        asked = self.request.query_params.get("room")
        if asked is None:
            return queryset
        room = get_object_or_404(Room.objects.visible_to(self.request.user), pk=_uuid(asked))
        return queryset.filter(room=room)


def _uuid(text: str) -> Any:
    try:
        return UUID(text)
    except ValueError as error:
        raise ValidationError({"room": [_("Not a room's UUID.")]}) from error
