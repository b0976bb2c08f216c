"""The shapes of requests and answers about recordings, for the API's door and for its documentation."""

import math
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from recordings.exporting.exports import MAX_RECORDINGS
from recordings.listening.moments import MAX_SECONDS
from recordings.models import Export, Marker, Reason, Recording

LEAST_PROGRESS = 0.02  # of less no time can be told


class GapSerializer(serializers.Serializer):
    """A stretch without sound, and why."""

    at_seconds = serializers.FloatField(help_text="From the start, by the clock.")
    seconds = serializers.FloatField()
    reason = serializers.ChoiceField(Reason.choices)
    estimated = serializers.BooleanField(
        help_text="Lost inside a connection, told from how late sound came; else its ends are certain."
    )


class RecordingSerializer(serializers.ModelSerializer):
    """A recording as the API tells of it. The view puts the gaps of all of them into the context as `gaps`."""

    room = serializers.UUIDField(source="room_id", read_only=True)
    device = serializers.UUIDField(source="device_id", read_only=True)
    audio_seconds = serializers.FloatField(read_only=True, help_text="Of sound, gaps not counted.")
    duration_seconds = serializers.SerializerMethodField(
        help_text="By the clock: sound and gaps; of a running one, up to what is written."
    )
    bytes = serializers.IntegerField(source="stored_bytes", read_only=True, help_text="On disk.")
    gaps = serializers.SerializerMethodField()
    wav = serializers.SerializerMethodField(help_text="The path from which its sound is downloaded.")

    class Meta:
        model = Recording
        fields = [
            "id", "room", "device", "title", "state", "kept", "started_at", "ended_at", "duration_seconds",
            "audio_seconds", "bytes", "sample_rate_hz", "channels", "level_dbfs", "gaps", "wav",
        ]  # fmt: skip
        read_only_fields = [name for name in fields if name not in ("title", "kept")]

    def get_duration_seconds(self, recording: Recording) -> float:
        return recording.audio_seconds + sum(gap.seconds for gap in self.context["gaps"].get(recording.pk, ()))

    @extend_schema_field(GapSerializer(many=True))
    def get_gaps(self, recording: Recording) -> list[dict[str, Any]]:
        return GapSerializer(self.context["gaps"].get(recording.pk, ()), many=True).data

    def get_wav(self, recording: Recording) -> str:
        return reverse("recording_wav", args=[recording.pk])


class RecordingChangeSerializer(serializers.Serializer):
    """What may be changed about a recording; what is left out stays."""

    title = serializers.CharField(max_length=120, allow_blank=True, required=False)
    kept = serializers.BooleanField(required=False, help_text="Kept whatever its age and size.")


class MarkerSerializer(serializers.ModelSerializer):
    """A moment that a person named."""

    at_seconds = serializers.FloatField(min_value=0, max_value=MAX_SECONDS, help_text="From the start, by the clock.")
    author = serializers.CharField(source="author.get_username", read_only=True, default=None, allow_null=True)

    class Meta:
        model = Marker
        fields = ["id", "at_seconds", "text", "author", "created_at"]
        read_only_fields = ["created_at"]

    def validate_at_seconds(self, seconds: float) -> float:
        recording: Recording = self.context["recording"]
        if not math.isfinite(seconds):  # JSON as Python reads it has NaN, which passes every bound
            raise serializers.ValidationError(_("Give a number of seconds."))
        if recording.state == Recording.State.FINISHED and seconds > recording.duration_seconds:
            raise serializers.ValidationError(_("This lies after the end of the recording."))
        return seconds


class PeaksSerializer(serializers.Serializer):
    """The shape of a stretch for drawing."""

    from_ = serializers.FloatField()
    to = serializers.FloatField()
    points = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="Minimum and maximum, int16, of each of so many equal parts; zero where nothing is.",
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        return {"from": fields.pop("from_"), **fields}  # `from` itself is a word of Python


class ExportSerializer(serializers.ModelSerializer):
    """A file that is made of recordings: how far it is, and where it can be fetched when it is done."""

    recordings: serializers.Field = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    bytes = serializers.IntegerField(source="stored_bytes", read_only=True)
    error = serializers.SerializerMethodField(help_text="What went wrong, in words; else empty.")
    seconds_left = serializers.SerializerMethodField(help_text="About how long it still takes; null while unknown.")
    file = serializers.SerializerMethodField(help_text="The path of the file when it is done, else null.")

    class Meta:
        model = Export
        fields = [
            "id", "recordings", "format", "gaps", "zipped", "from_at", "to_at", "state", "progress", "seconds_left",
            "bytes", "file_name", "file", "error", "asked_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_error(self, export: Export) -> str:
        return _(export.error) if export.error else ""

    def get_seconds_left(self, export: Export) -> float | None:
        if export.state != Export.State.RUNNING or not export.started_at or export.progress < LEAST_PROGRESS:
            return None
        passed = (timezone.now() - export.started_at).total_seconds()
        return max(0.0, passed / export.progress - passed)

    def get_file(self, export: Export) -> str | None:
        return reverse("export_file", args=[export.pk]) if export.state == Export.State.DONE else None


class ExportWishSerializer(serializers.Serializer):
    """What file is wanted: of recordings by name, or of all that was recorded in a room."""

    recordings = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MAX_RECORDINGS, required=False
    )
    room = serializers.UUIDField(required=False)
    format = serializers.ChoiceField(Export.Format.choices, default=Export.Format.WAV)
    gaps = serializers.ChoiceField(Export.Gaps.choices, default=Export.Gaps.SILENCE)
    zipped = serializers.BooleanField(default=False, help_text="Several recordings come as a ZIP in any case.")
    from_ = serializers.DateTimeField(required=False, allow_null=True, help_text="Left out: from the beginning.")
    to = serializers.DateTimeField(required=False, allow_null=True, help_text="Left out: to the end.")

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        fields["from"] = fields.pop("from_")  # `from` itself is a word of Python
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("recordings" in attrs) == ("room" in attrs):
            raise serializers.ValidationError(_("Name either recordings or a room."))
        return attrs
