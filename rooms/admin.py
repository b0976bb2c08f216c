"""The admin's pages for rooms, grants and what happened."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from rooms.grants import revoke_grant
from rooms.hints import hint_after_commit
from rooms.lifecycle import end_room
from rooms.models import Event, Grant, Room
from rooms.sentences import sentence


def do_for_each(modeladmin: admin.ModelAdmin, request: HttpRequest, rows: Iterable[Model], do: Callable) -> None:
    """Run an operation on each chosen row, count what was done, and say for each other row why not."""
    done = 0
    for row in rows:
        try:
            do(row)
            done += 1
        except ValueError as error:
            modeladmin.message_user(request, f"{row}: {error}", messages.WARNING)
    if done:
        said = ngettext("Done for %(count)d.", "Done for %(count)d.", done)
        modeladmin.message_user(request, said % {"count": done}, messages.SUCCESS)


class ReadOnlyAdmin(admin.ModelAdmin):
    """For what the server itself writes: to be looked at, not to be changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    """Rooms: ending one parks its devices and closes its sockets within a second."""

    list_display = ["name", "organization", "status", "records", "devices", "created_by", "started_at", "ended_at"]
    list_filter = ["status", "records"]
    list_select_related = ["organization", "created_by"]
    search_fields = ["name", "organization__name", "id"]
    date_hierarchy = "started_at"
    autocomplete_fields = ["organization"]
    fields = ["organization", "name", "status", "records", "details", "created_by", "started_at", "ended_at"]
    readonly_fields = ["created_by", "started_at", "ended_at"]
    actions = ["end"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        return super().get_queryset(request).annotate(device_count=Count("devices"))

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> list[str]:
        # what was recorded in a room belongs to its organization and cannot move with it
        return [*self.readonly_fields, "organization"] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        return False  # it would take the index of its recordings along: a room is ended

    def save_model(self, request: HttpRequest, obj: Room, form: Any, change: bool) -> None:
        wanted = obj.status
        ends = change and "status" in form.changed_data and form.initial["status"] == Room.Status.ACTIVE
        if not change:
            obj.created_by = request.user
        if ends:
            obj.status = Room.Status.ACTIVE  # `end_room` takes it from there, with its line in the audit
        elif obj.is_active:
            obj.ended_at = None
        else:
            obj.ended_at = obj.ended_at or timezone.now()
        super().save_model(request, obj, form, change)
        if ends:
            end_room(obj, by=request.user, status=wanted)
        hint_after_commit()

    @admin.display(description=_("devices"), ordering="device_count")
    def devices(self, room: Any) -> int:
        return room.device_count

    @admin.action(description=_("End the chosen rooms"), permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        rooms = queryset.select_related("organization")
        do_for_each(self, request, rooms, lambda room: end_room(room, by=request.user))


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):
    """Grants: made where their token can be handed over, watched and revoked here."""

    list_display = [
        "__str__",
        "room",
        "organization",
        "may_talk",
        "may_control",
        "created_by",
        "expires_at",
        "revoked_at",
    ]
    list_filter = ["may_talk", "may_control", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["room__organization", "created_by"]
    search_fields = ["label", "room__name", "room__organization__name"]
    date_hierarchy = "created_at"
    fields = ["label", "room", "may_talk", "may_control", "created_by", "created_at", "expires_at", "revoked_at"]
    readonly_fields = ["room", "created_by", "created_at"]
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Grant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        hint_after_commit()

    @admin.display(description=_("organization"), ordering="room__organization__name")
    def organization(self, grant: Grant) -> str:
        return grant.room.organization.name

    @admin.action(description=_("Revoke the chosen grants"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        living = queryset.filter(revoked_at=None).select_related("room__organization")
        do_for_each(self, request, living, lambda grant: revoke_grant(grant, by=request.user))


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The audit: who did what, where and when."""

    list_display = ["at", "kind", "said", "room", "organization"]
    list_filter = ["kind"]
    list_select_related = ["room", "organization"]
    search_fields = ["subject", "actor", "room__name", "organization__name"]
    date_hierarchy = "at"
    fields = ["at", "kind", "said", "subject", "actor", "room", "organization", "detail"]

    @admin.display(description=_("what happened"))
    def said(self, event: Event) -> str:
        return sentence(event)
