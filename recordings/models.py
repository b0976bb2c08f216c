"""The index of what is kept and of what is asked of it; the truth about the sound itself is the segment log on disk."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.tenancy import TenantQuerySet
from devices.models import Device, Worker
from rooms.models import Room


class Reason(models.TextChoices):
    """Why there is no sound in a gap."""

    DEVICE_OFFLINE = "device-offline", _("Device offline")
    WORKER_LOST = "worker-lost", _("Server failed")
    QUEUE_FULL = "queue-full", _("Disk too slow")
    DISK_FULL = "disk-full", _("Disk full")
    BAD_DATA = "bad-data", _("Unreadable data")
    MOVED = "moved", _("Server restarted")


class RecordingQuerySet(TenantQuerySet):
    """Recordings; those that were deleted can still be taken back by those who may operate, and be seen by nobody."""

    def visible_to(self, user: Any) -> Self:
        return super().visible_to(user).filter(deleted_at=None)


class Recording(models.Model):
    """What one device captured in one room, from its start until its stop, over any number of connections.

    Its timeline counts from `started_at` in samples per channel, gaps included: `audio_seconds` + `missing_seconds`.
    """

    class State(models.TextChoices):
        RECORDING = "recording", _("Still recording")
        SETTLING = "settling", _("Finishing")
        FINISHED = "finished", _("Finished")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, models.PROTECT, related_name="recordings", verbose_name=_("organization")
    )
    room = models.ForeignKey(Room, models.PROTECT, related_name="recordings", verbose_name=_("room"))
    device = models.ForeignKey(Device, models.PROTECT, related_name="recordings", verbose_name=_("device"))
    title = models.CharField(_("name"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RECORDING, db_index=True)
    sample_rate_hz = models.PositiveIntegerField(_("sample rate in Hz"))
    channels = models.PositiveSmallIntegerField(_("channels"))
    started_at = models.DateTimeField(_("started"), default=timezone.now, db_index=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    written_until = models.DateTimeField(_("written to disk up to"), null=True)
    stored_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    audio_seconds = models.FloatField(_("seconds of sound"), default=0)
    missing_seconds = models.FloatField(_("seconds missing"), default=0)
    gap_count = models.PositiveIntegerField(_("gaps"), default=0)
    level_dbfs = models.FloatField(_("level in dBFS"), null=True)
    kept = models.BooleanField(_("kept until you say otherwise"), default=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, db_index=True)

    objects = RecordingQuerySet.as_manager()

    class Meta:
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return self.title or f"{self.room} · {self.device} · {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def duration_seconds(self) -> float:
        """By the clock: sound and gaps; of a running one, up to what is written."""
        return self.audio_seconds + self.missing_seconds


class Segment(models.Model):
    """One file of a recording's log, with its place on the timeline in samples per channel.

    `gaps` is a list of [samples of sound before it in this segment, samples, reason, estimated].
    `upload_due_at` is when offsite storage is concerned with it next: to upload it, or to give up the copy here.
    """

    class Place(models.TextChoices):
        HERE = "here", _("On this disk")
        BOTH = "both", _("On this disk and elsewhere")
        ELSEWHERE = "elsewhere", _("Elsewhere")

    recording = models.ForeignKey(Recording, models.CASCADE, related_name="segments", verbose_name=_("recording"))
    number = models.PositiveIntegerField(_("number"))
    name = models.CharField(_("file"), max_length=60)
    is_closed = models.BooleanField(_("closed"), default=False)
    start_sample = models.PositiveBigIntegerField(_("begins at, with gaps"))
    start_audio_sample = models.PositiveBigIntegerField(_("begins at, without gaps"))
    audio_samples = models.PositiveBigIntegerField(_("samples of sound"))
    gap_samples = models.PositiveBigIntegerField(_("samples missing"), default=0)
    gaps = models.JSONField(_("gaps"), default=list)
    stored_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    digest = models.CharField(_("digest"), max_length=64, blank=True)
    place = models.CharField(_("where it lies"), max_length=10, choices=Place, default=Place.HERE)
    upload_tries = models.PositiveIntegerField(_("failed uploads"), default=0)
    upload_error = models.CharField(_("why the last upload failed"), max_length=300, blank=True)
    upload_due_at = models.DateTimeField(_("next upload"), null=True, db_index=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["recording", "number"]
        constraints = [models.UniqueConstraint(fields=["recording", "number"], name="one_segment_each")]
        indexes = [
            models.Index(fields=["recording", "start_sample"]),
            models.Index(fields=["place", "upload_due_at"], name="segments_due"),
        ]

    def __str__(self) -> str:
        return self.name


class Marker(models.Model):
    """A moment of a recording that a person named."""

    tenant_path = "recording__organization"

    recording = models.ForeignKey(Recording, models.CASCADE, related_name="markers", verbose_name=_("recording"))
    at_seconds = models.FloatField(_("at, in seconds"), validators=[MinValueValidator(0)])
    text = models.CharField(_("text"), max_length=120, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("set by")
    )
    created_at = models.DateTimeField(_("set"), default=timezone.now)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("marker")
        verbose_name_plural = _("markers")
        ordering = ["at_seconds", "pk"]

    def __str__(self) -> str:
        return self.text or f"{self.at_seconds:.1f} s"


class Export(models.Model):
    """A file that somebody wants of one recording or several: the row is the job, its progress and its result."""

    class Format(models.TextChoices):
        WAV = "wav", "WAV"
        FLAC = "flac", "FLAC"
        OPUS = "opus", "Opus"
        MP3 = "mp3", "MP3"

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Gaps(models.TextChoices):
        SILENCE = "silence", _("silence in gaps")
        SKIP = "skip", _("gaps left out")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, models.CASCADE, related_name="exports", verbose_name=_("organization")
    )
    recordings = models.ManyToManyField(Recording, related_name="exports", verbose_name=_("recordings"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("asked by")
    )
    format = models.CharField(_("format"), max_length=4, choices=Format, default=Format.WAV)
    gaps = models.CharField(_("gaps"), max_length=7, choices=Gaps, default=Gaps.SILENCE)
    zipped = models.BooleanField(_("as a ZIP with a manifest"), default=False)
    from_at = models.DateTimeField(_("from"), null=True)
    to_at = models.DateTimeField(_("to"), null=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.WAITING, db_index=True)
    progress = models.FloatField(_("done, 0 to 1"), default=0)
    stored_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    error = models.CharField(_("what went wrong"), max_length=300, blank=True)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True)
    tries = models.PositiveSmallIntegerField(_("times begun"), default=0)
    touched_at = models.DateTimeField(_("last sign of work"), null=True)
    finished_at = models.DateTimeField(_("ended"), null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return self.file_name or f"{self.get_format_display()} {self.asked_at:%Y-%m-%d %H:%M}"


class RetentionPolicy(models.Model):
    """How long and how much an organization keeps, in all its rooms or, where `room` is set, in that one instead."""

    organization = models.ForeignKey(
        Organization, models.CASCADE, related_name="retention", verbose_name=_("organization")
    )
    room = models.OneToOneField(
        Room, models.CASCADE, null=True, blank=True, related_name="retention", verbose_name=_("room")
    )
    keep_days = models.PositiveIntegerField(
        _("keep for days"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("Empty: for ever.")
    )
    keep_bytes = models.PositiveBigIntegerField(
        _("keep at most bytes"), null=True, blank=True, help_text=_("Empty: without limit; else the oldest go first.")
    )
    legal_hold = models.BooleanField(
        _("legal hold"), default=False, help_text=_("While it is set, nothing is deleted, by nobody.")
    )
    quota_bytes = models.PositiveBigIntegerField(
        _("quota in bytes"), null=True, blank=True, help_text=_("Recording pauses while this much is kept.")
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("retention")
        verbose_name_plural = _("retention")
        constraints = [
            models.UniqueConstraint(
                fields=["organization"], condition=Q(room=None), name="one_retention_per_organization"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization} · {self.room}" if self.room else str(self.organization)


class Turn(models.Model):
    """When something that one worker does for all of them is due next; whoever moves it on does it."""

    name = models.CharField(_("name"), max_length=40, primary_key=True)
    due_at = models.DateTimeField(_("due"))

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")

    def __str__(self) -> str:
        return self.name


class ReportedTrouble(models.Model):
    """What a worker cannot write down now, told to the pages of the other workers; gone when it is over."""

    worker = models.ForeignKey(Worker, models.CASCADE, related_name="troubles", verbose_name=_("worker"))
    kind = models.CharField(_("kind"), max_length=20)
    since = models.DateTimeField(_("since"))
    chunks_lost = models.PositiveBigIntegerField(_("chunks lost"), default=0)
    seen_at = models.DateTimeField(_("last reported"))

    class Meta:
        verbose_name = _("trouble with the disk")
        verbose_name_plural = _("troubles with the disk")
        constraints = [models.UniqueConstraint(fields=["worker", "kind"], name="one_report_each")]

    def __str__(self) -> str:
        return f"{self.worker} {self.kind}"
