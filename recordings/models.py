"""The index of what is kept: one row per recording; the truth is the segment log on disk."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.tenancy import TenantQuerySet
from devices.models import Device
from rooms.models import Room


class Recording(models.Model):
    """What one device captured in one room, from its start until its stop, over any number of connections."""

    class State(models.TextChoices):
        RECORDING = "recording", _("Still recording")
        SETTLING = "settling", _("Finishing")
        FINISHED = "finished", _("Finished")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, models.CASCADE, related_name="recordings", verbose_name=_("organization")
    )
    room = models.ForeignKey(Room, models.CASCADE, related_name="recordings", verbose_name=_("room"))
    device = models.ForeignKey(Device, models.CASCADE, related_name="recordings", verbose_name=_("device"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RECORDING)
    sample_rate_hz = models.PositiveIntegerField(_("sample rate in Hz"))
    channels = models.PositiveSmallIntegerField(_("channels"))
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    written_until = models.DateTimeField(_("written to disk up to"), null=True)
    stored_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    missing_seconds = models.FloatField(_("seconds missing"), default=0)
    audio_seconds = models.FloatField(_("seconds of sound"), default=0)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.room} · {self.device} · {self.started_at:%Y-%m-%d %H:%M}"
