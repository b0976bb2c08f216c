"""The admin's pages for devices, the sockets behind them and the workers that hold those."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.control import set_capture
from devices.models import Connection, Device, Worker
from devices.pairing import bind, release, unbind
from rooms.admin import ReadOnlyAdmin, do_for_each
from rooms.hints import hint_after_commit
from rooms.models import Room


class DeviceForm(forms.ModelForm):
    """A device whose room is one of its own organization's, and which captures only in a room."""

    class Meta:
        model = Device
        fields = ["organization", "device_id", "name", "kind", "sample_rate_hz", "channels", "room", "desired_capture"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        organization = cleaned.get("organization") or self.instance.organization
        room: Room | None = cleaned.get("room")
        if room and room.organization_id != organization.pk:
            raise ValidationError({"room": gettext("This room belongs to another organization.")})
        if room and not room.is_active and "room" in self.changed_data:
            raise ValidationError({"room": gettext("This room has ended. Choose or make another one.")})
        if cleaned.get("desired_capture") and not (room and room.is_active):
            raise ValidationError({"desired_capture": gettext("Put this device into a room first.")})
        return cleaned


@admin.register(Device)
class DeviceAdmin(admin.ModelAdmin):
    """Devices: what is wanted of them is changed here, what they report is shown."""

    form = DeviceForm
    list_display = [
        "__str__", "device_id", "organization", "room", "state", "desired_capture", "sample_rate_hz", "last_address",
        "last_heard_at", "released",
    ]  # fmt: skip
    list_filter = ["kind", "desired_capture", ("released_at", admin.EmptyFieldListFilter), "sample_rate_hz", "channels"]
    list_select_related = ["organization", "room"]
    search_fields = ["name", "device_id", "organization__name", "room__name", "last_address"]
    date_hierarchy = "claimed_at"
    autocomplete_fields = ["organization", "room"]
    readonly_fields = ["claimed_at", "released_at", "last_heard_at", "last_address"]
    fields = [
        "organization", ("device_id", "name"), ("kind", "sample_rate_hz", "channels"), ("room", "desired_capture"),
        *readonly_fields,
    ]  # fmt: skip
    actions = ["stop_capture", "release"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        newest = Connection.objects.live().filter(device=OuterRef("pk")).order_by("-opened_at")
        return super().get_queryset(request).annotate(reported_state=Subquery(newest.values("state")[:1]))

    def get_readonly_fields(self, request: HttpRequest, obj: Device | None = None) -> list[str]:
        # what a device recorded belongs to its organization; the ID is what its sketch says
        return [*self.readonly_fields, "organization", "device_id"] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Device | None = None) -> bool:
        return False  # it would take the index of its recordings along: a device is released

    def save_model(self, request: HttpRequest, obj: Device, form: DeviceForm, change: bool) -> None:
        wanted_room, wanted_capture = obj.room, obj.desired_capture
        if change:  # the operations below do these two, so that tokens, waiting sockets and the audit follow
            obj.room, obj.desired_capture = (
                Device.objects.select_related("room").get(pk=obj.pk).room,
                form.initial["desired_capture"],
            )
        super().save_model(request, obj, form, change)
        if change and "room" in form.changed_data:
            bind(obj, wanted_room, by=request.user) if wanted_room else unbind(obj, by=request.user)
        if change and "desired_capture" in form.changed_data:
            set_capture(obj, on=wanted_capture, by=request.user)
        hint_after_commit()

    @admin.display(description=_("reports"), ordering="reported_state")
    def state(self, device: Any) -> str:
        return Connection.State(device.reported_state).label if device.reported_state else gettext("away")

    @admin.display(description=_("released"), boolean=True, ordering="released_at")
    def released(self, device: Device) -> bool:
        return device.released_at is not None

    @admin.action(description=_("Stop the chosen devices"), permissions=["change"])
    def stop_capture(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        devices = queryset.filter(desired_capture=True).select_related("organization", "room")
        do_for_each(self, request, devices, lambda device: set_capture(device, on=False, by=request.user))

    @admin.action(description=_("Release the chosen devices"), permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        devices = queryset.filter(released_at=None).select_related("organization", "room")
        do_for_each(self, request, devices, lambda device: release(device, by=request.user))


class IsOpenFilter(admin.SimpleListFilter):
    """Sockets that are open on a worker that is alive."""

    title = _("open now")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", gettext("Yes")), ("no", gettext("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        open_now = Connection.objects.live().values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=open_now)
        return queryset.exclude(pk__in=open_now) if self.value() == "no" else queryset


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """Sockets of devices, as their workers report them."""

    list_display = ["reported_id", "device", "room", "state", "worker", "address", "opened_at", "chunks", "closed_at"]
    list_filter = [IsOpenFilter, "state", "conflict", "worker"]
    list_select_related = ["device", "room", "worker"]
    search_fields = ["reported_id", "address", "device__name", "room__name", "id"]
    date_hierarchy = "opened_at"


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Processes that hold sockets."""

    list_display = ["__str__", "alive", "open_sockets", "started_at", "seen_at", "stopped_at"]
    list_filter = [("stopped_at", admin.EmptyFieldListFilter), "host"]
    search_fields = ["host", "id"]
    date_hierarchy = "started_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        still_open = Count("connections", filter=Q(connections__closed_at=None))
        return super().get_queryset(request).annotate(open_count=still_open)

    @admin.display(description=_("alive"), boolean=True)
    def alive(self, worker: Worker) -> bool:
        lease = timedelta(seconds=settings.WORKER_LEASE_SECONDS)
        return worker.stopped_at is None and worker.seen_at > timezone.now() - lease

    @admin.display(description=_("open sockets"), ordering="open_count")
    def open_sockets(self, worker: Any) -> int:
        return worker.open_count if self.alive(worker) else 0
