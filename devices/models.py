"""Devices as their organization knows them, the tokens they hold, and who is here, on which worker."""

import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.tenancy import TenantQuerySet
from leganize.wire.identity import DEVICE_ID_PATTERN
from rooms.models import Room


def random_stream() -> int:
    """Return a number below 2³¹, by which a device's chunks are told from others in a room."""
    return secrets.randbelow(2**31)


class Device(models.Model):
    """A microphone or camera that an organization claimed: its identity, its room, what is wanted of it."""

    class Kind(models.TextChoices):
        MICROPHONE = "microphone", _("Microphone")
        CAMERA = "camera", _("Camera")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, models.CASCADE, related_name="devices", verbose_name=_("organization")
    )
    device_id = models.CharField(
        _("device ID"),
        max_length=64,
        validators=[RegexValidator(f"^{DEVICE_ID_PATTERN}$")],
        help_text=_("As the sketch says it; unique within the organization."),
    )
    name = models.CharField(_("name"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.MICROPHONE)
    stream = models.BigIntegerField(default=random_stream, editable=False)
    sample_rate_hz = models.PositiveIntegerField(
        _("sample rate in Hz"), default=16000, validators=[MinValueValidator(8000), MaxValueValidator(44100)]
    )
    channels = models.PositiveSmallIntegerField(
        _("channels"), default=1, validators=[MinValueValidator(1), MaxValueValidator(2)]
    )
    room = models.ForeignKey(
        Room, models.SET_NULL, null=True, blank=True, related_name="devices", verbose_name=_("room")
    )
    desired_capture = models.BooleanField(_("wanted to capture"), default=False)
    desired_at = models.DateTimeField(_("wanted since"), null=True, blank=True, editable=False)
    claimed_at = models.DateTimeField(_("claimed"), default=timezone.now, editable=False)
    released_at = models.DateTimeField(_("released"), null=True, blank=True, editable=False)
    last_heard_at = models.DateTimeField(_("last heard"), null=True, blank=True, editable=False)
    last_address = models.GenericIPAddressField(_("last address"), null=True, blank=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["name", "device_id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "device_id"], name="one_device_id_each"),
            models.UniqueConstraint(fields=["organization", "stream"], name="one_stream_each"),
        ]

    def __str__(self) -> str:
        return self.name or self.device_id


class DeviceToken(models.Model):
    """Lets one device publish to the one room it is bound to; void once the device is bound elsewhere."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="tokens")
    room = models.ForeignKey(Room, models.CASCADE, related_name="+")
    lookup = models.CharField(max_length=8, db_index=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return str(self.pk)


class Worker(models.Model):
    """A process that holds sockets; what it holds counts only while its lease is fresh."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(_("host"), max_length=120)
    pid = models.PositiveIntegerField("pid")
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    seen_at = models.DateTimeField(_("last seen"), default=timezone.now, db_index=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class ConnectionQuerySet(models.QuerySet):
    """Sockets as their workers reported them."""

    def live(self) -> "ConnectionQuerySet":
        """Narrow to sockets that are open on a worker whose lease is fresh."""
        oldest = timezone.now() - timedelta(seconds=settings.WORKER_LEASE_SECONDS)
        return self.filter(closed_at=None, worker__stopped_at=None, worker__seen_at__gt=oldest)


class Connection(models.Model):
    """One socket of a device, as its worker last reported it; pending sockets belong to nobody yet."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        CONNECTED = "connected", _("Connected")
        CAPTURING = "capturing", _("Capturing")
        CLOSED = "closed", _("Closed")

    id = models.UUIDField(primary_key=True, editable=False)
    """The connection's epoch, a UUIDv7 made when the socket was accepted."""
    worker = models.ForeignKey(Worker, models.CASCADE, related_name="connections", verbose_name=_("worker"))
    reported_id = models.CharField(_("device ID"), max_length=64, db_index=True)
    device = models.ForeignKey(Device, models.CASCADE, null=True, related_name="connections", verbose_name=_("device"))
    room = models.ForeignKey(Room, models.SET_NULL, null=True, related_name="+", verbose_name=_("room"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    address = models.GenericIPAddressField(_("address"), null=True)
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    capturing_since = models.DateTimeField(_("capturing since"), null=True)
    last_chunk_at = models.DateTimeField(_("last chunk"), null=True)
    chunks = models.PositiveBigIntegerField(_("chunks"), default=0)
    received_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    hint_rate_hz = models.PositiveIntegerField(_("looks like, Hz"), null=True)
    hint_channels = models.PositiveSmallIntegerField(_("looks like, channels"), null=True)
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    telemetry = models.CharField(_("telemetry"), max_length=512, blank=True)
    offer = models.ForeignKey(
        Device,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("to be handed to"),
        help_text=_("Desired: the claimed device that this pending socket is to become."),
    )
    conflict = models.BooleanField(_("its name is taken by a live socket"), default=False)
    closed_at = models.DateTimeField(_("closed"), null=True, db_index=True)
    close_code = models.PositiveIntegerField(_("close code"), null=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return f"{self.reported_id} {self.get_state_display()}"
