"""The admin's page for the index of recordings: to be looked at, for the truth is on disk."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from recordings.models import Recording
from rooms.admin import ReadOnlyAdmin


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    """What is kept, of which device, in which room."""

    list_display = [
        "started_at",
        "room",
        "device",
        "organization",
        "state",
        "seconds_of_sound",
        "size",
        "written_until",
    ]
    list_filter = ["state", "sample_rate_hz", "channels"]
    list_select_related = ["room", "device", "organization"]
    search_fields = ["room__name", "device__name", "device__device_id", "organization__name", "id"]
    date_hierarchy = "started_at"

    @admin.display(description=_("seconds of sound"), ordering="audio_seconds")
    def seconds_of_sound(self, recording: Recording) -> str:
        return f"{recording.audio_seconds:.1f}"

    @admin.display(description=_("size"), ordering="stored_bytes")
    def size(self, recording: Recording) -> str:
        return filesizeformat(recording.stored_bytes)
