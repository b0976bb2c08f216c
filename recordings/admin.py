"""The admin's pages for what is kept, where it lies, what is made of it, and the rules by which it goes."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html_join
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from recordings import examination
from recordings.exporting import exports
from recordings.keeping import offsite, retention
from recordings.models import Export, Marker, Recording, RetentionPolicy, Segment
from rooms.admin import ReadOnlyAdmin, do_for_each

SHOWN_OF_A_DRY_RUN = 50


class OperatedAdmin(ReadOnlyAdmin):
    """For what the server writes, and people with the right to change it may have done something with."""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether actions are offered: by the right to change, though no form here changes anything."""
        return request.user.has_perm(f"recordings.change_{self.opts.model_name}")

    def for_each(self, request: HttpRequest, rows: QuerySet[Any], does: Any, what: str) -> None:
        """Do it with each row, and write `what` into its history."""

        def do(row: Model) -> None:
            does(row)
            self.log_change(request, row, what)

        do_for_each(self, request, rows, do)


class HasGapsFilter(admin.SimpleListFilter):
    """Recordings of which something is missing."""

    title = _("gaps")
    parameter_name = "gaps"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", _t("Yes")), ("no", _t("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> QuerySet[Recording]:
        return queryset.filter({"yes": Q(gap_count__gt=0), "no": Q(gap_count=0)}.get(self.value() or "", Q()))


@admin.register(Recording)
class RecordingAdmin(OperatedAdmin):
    """What is kept, of which device, in which room; deleting here is what it is on the pages: it can be taken back."""

    list_display = [
        "started_at", "title", "room", "device", "organization", "state", "by_the_clock", "missing", "gap_count",
        "size", "written_until", "kept", "deleted_at",
    ]  # fmt: skip
    list_filter = [
        "state", "kept", ("deleted_at", admin.EmptyFieldListFilter), HasGapsFilter, "sample_rate_hz", "channels",
    ]  # fmt: skip
    list_select_related = ["room", "device", "organization"]
    search_fields = ["title", "room__name", "device__name", "device__device_id", "organization__name", "id"]
    date_hierarchy = "started_at"
    actions = ["keep", "let_go", "delete", "restore", "finish", "verify", "upload"]

    @admin.display(description=_("by the clock"), ordering="started_at")
    def by_the_clock(self, recording: Recording) -> str:
        return _clock(recording.duration_seconds)

    @admin.display(description=_("missing"), ordering="missing_seconds")
    def missing(self, recording: Recording) -> str:
        return _clock(recording.missing_seconds) if recording.missing_seconds else "–"

    @admin.display(description=_("size"), ordering="stored_bytes")
    def size(self, recording: Recording) -> str:
        return filesizeformat(recording.stored_bytes)

    @admin.action(description=_("Keep the chosen recordings until someone says otherwise"), permissions=["operate"])
    def keep(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        self.for_each(request, queryset, lambda each: retention.keep(each, request.user, on=True), "keep")

    @admin.action(description=_("Let the chosen recordings go by the rules again"), permissions=["operate"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        self.for_each(request, queryset, lambda each: retention.keep(each, request.user, on=False), "let go")

    @admin.action(description=_("Delete the chosen recordings"), permissions=["operate"])
    def delete(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        self.for_each(request, queryset, lambda each: retention.delete(each, request.user), "delete")

    @admin.action(description=_("Take the deletion of the chosen recordings back"), permissions=["operate"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        deleted = queryset.filter(deleted_at__isnull=False)
        self.for_each(request, deleted, lambda each: retention.restore(each, request.user), "restore")

    @admin.action(description=_("Finish the chosen recordings now"), permissions=["operate"])
    def finish(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        self.for_each(request, queryset, lambda each: examination.finish(each, request.user), "finish")

    @admin.action(description=_("Verify the chosen recordings"), permissions=["operate"])
    def verify(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        for recording in queryset.select_related("organization", "room", "device"):
            try:
                is_whole, sentence = examination.examine(recording, request.user)
            except (OSError, ValueError) as error:
                self.message_user(request, f"{recording}: {error}", messages.WARNING)
            else:
                self.message_user(request, sentence, messages.SUCCESS if is_whole else messages.ERROR)

    @admin.action(description=_("Upload what failed of the chosen recordings again"), permissions=["operate"])
    def upload(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        _say_tried(self, request, offsite.retry(Segment.objects.filter(recording__in=queryset)))
        for recording in queryset:
            self.log_change(request, recording, "retry upload")


class HasFailedFilter(admin.SimpleListFilter):
    """Segments whose last upload failed, or that wait for their first."""

    title = _("upload")
    parameter_name = "upload"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("failed", _t("failed")), ("waiting", _t("not yet tried"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> QuerySet[Segment]:
        waiting = Q(place=Segment.Place.HERE, is_closed=True, upload_tries=0)
        chosen = {"failed": Q(upload_tries__gt=0), "waiting": waiting}.get(self.value() or "", Q())
        return queryset.filter(chosen)


@admin.register(Segment)
class SegmentAdmin(OperatedAdmin):
    """The files of recordings: where each lies, and why it is not where it should be."""

    list_display = [
        "name", "recording_id", "number", "is_closed", "sound", "size", "place", "upload_tries", "upload_error",
        "upload_due_at",
    ]  # fmt: skip
    list_filter = ["place", HasFailedFilter, "is_closed"]
    list_select_related = ["recording"]
    search_fields = ["name", "recording__id", "upload_error"]
    ordering = ["-pk"]
    show_full_result_count = False  # a week of one microphone has 20,000
    actions = ["upload"]

    @admin.display(description=_("seconds of sound"), ordering="audio_samples")
    def sound(self, segment: Segment) -> str:
        return f"{segment.audio_samples / segment.recording.sample_rate_hz:.1f}"

    @admin.display(description=_("size"), ordering="stored_bytes")
    def size(self, segment: Segment) -> str:
        return filesizeformat(segment.stored_bytes)

    @admin.action(description=_("Upload the chosen segments again"), permissions=["operate"])
    def upload(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        _say_tried(self, request, offsite.retry(queryset))
        for segment in queryset:
            self.log_change(request, segment, "retry upload")


@admin.register(Marker)
class MarkerAdmin(ReadOnlyAdmin):
    """What people named in recordings."""

    list_display = ["__str__", "recording", "at_seconds", "author", "created_at"]
    list_select_related = ["recording__room", "recording__device", "author"]
    search_fields = ["text", "recording__title", "recording__room__name", "author__username"]
    date_hierarchy = "created_at"


@admin.register(Export)
class ExportAdmin(OperatedAdmin):
    """Files that people had made: what is under way, what is done, what failed and why."""

    list_display = [
        "__str__", "organization", "format", "zipped", "state", "percent", "size", "asked_by", "asked_at",
        "finished_at", "error",
    ]  # fmt: skip
    list_filter = ["state", "format", "zipped", "gaps"]
    list_select_related = ["organization", "asked_by"]
    search_fields = ["file_name", "organization__name", "asked_by__username", "error", "id"]
    date_hierarchy = "asked_at"
    actions = ["cancel", "retry"]

    @admin.display(description=_("done"), ordering="progress")
    def percent(self, export: Export) -> str:
        return f"{100 * export.progress:.0f} %"

    @admin.display(description=_("size"), ordering="stored_bytes")
    def size(self, export: Export) -> str:
        return filesizeformat(export.stored_bytes) if export.stored_bytes else "–"

    @admin.action(description=_("Cancel the chosen exports"), permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Export]) -> None:
        self.for_each(request, queryset.filter(state__in=exports.UNDER_WAY), exports.cancel, "cancel")

    @admin.action(description=_("Make the chosen exports that failed after all"), permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Export]) -> None:
        for export in queryset.filter(state=Export.State.FAILED):
            self.log_change(request, export, "retry")
        _say_tried(self, request, exports.retry(queryset))


class RetentionPolicyForm(forms.ModelForm):
    """A rule as it may be saved."""

    class Meta:
        model = RetentionPolicy
        fields = ["organization", "room", *retention.LARGEST, "legal_hold"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        organization, room = cleaned.get("organization"), cleaned.get("room") or self.instance.room
        for name in retention.LARGEST:
            try:
                retention.checked(name, cleaned.get(name), room)
            except ValueError as error:
                self.add_error(name, str(error))
        if room and organization and room.organization_id != organization.pk:
            self.add_error("room", _t("This room belongs to another organization."))
        return cleaned


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(admin.ModelAdmin):
    """The rules by which recordings go, and what would go by them now."""

    form = RetentionPolicyForm
    list_display = ["__str__", "organization", "room", "keep_days", "limit", "quota", "legal_hold"]
    list_filter = ["legal_hold", ("room", admin.EmptyFieldListFilter)]
    list_select_related = ["organization", "room"]
    search_fields = ["organization__name", "room__name"]
    autocomplete_fields = ["organization", "room"]
    actions = ["dry_run"]

    def get_fields(self, request: HttpRequest, obj: RetentionPolicy | None = None) -> list[str]:
        return [*RetentionPolicyForm.Meta.fields, *(["would_go"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: RetentionPolicy | None = None) -> list[str]:
        return ["organization", "room", "would_go"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: RetentionPolicy | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.legal_hold)

    def save_model(self, request: HttpRequest, obj: RetentionPolicy, form: Any, change: bool) -> None:
        limits = {name: form.cleaned_data[name] for name in (*retention.LARGEST, "legal_hold")}
        wanted = {name: value for name, value in limits.items() if not change or name in form.changed_data}
        obj.__dict__.update(retention.change_policy(obj.organization, obj.room, request.user, **wanted).__dict__)

    def delete_model(self, request: HttpRequest, obj: RetentionPolicy) -> None:
        retention.drop_policy(obj, request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RetentionPolicy]) -> None:
        for policy in queryset.filter(legal_hold=False):
            retention.drop_policy(policy, request.user)

    @admin.display(description=_("keep at most"), ordering="keep_bytes")
    def limit(self, policy: RetentionPolicy) -> str:
        return filesizeformat(policy.keep_bytes) if policy.keep_bytes is not None else "–"

    @admin.display(description=_("quota"), ordering="quota_bytes")
    def quota(self, policy: RetentionPolicy) -> str:
        return filesizeformat(policy.quota_bytes) if policy.quota_bytes is not None else "–"

    @admin.display(description=_("would go now"))
    def would_go(self, policy: RetentionPolicy) -> str:
        leaving = retention.plan(policy.organization)
        lines = [(_summary(leaving),), *((_line(each),) for each in leaving[:SHOWN_OF_A_DRY_RUN])]
        return format_html_join("", "<div>{}</div>", lines)

    @admin.action(description=_("Say what would go now by the chosen rules"), permissions=["view"])
    def dry_run(self, request: HttpRequest, queryset: QuerySet[RetentionPolicy]) -> None:
        for policy in queryset.select_related("organization").order_by("organization").distinct():
            leaving = retention.plan(policy.organization)
            self.message_user(request, f"{policy.organization}: {_summary(leaving)}", messages.INFO)
            for each in leaving[:SHOWN_OF_A_DRY_RUN]:
                self.message_user(request, _line(each), messages.INFO)


def _summary(leaving: list[retention.Leaving]) -> str:
    said = ngettext("%(count)d recording would go, %(size)s.", "%(count)d recordings would go, %(size)s.", len(leaving))
    size = filesizeformat(sum(each.recording.stored_bytes for each in leaving))
    return said % {"count": len(leaving), "size": size}


def _line(leaving: retention.Leaving) -> str:
    size = filesizeformat(leaving.recording.stored_bytes)
    return f"{leaving.recording} · {size} · {leaving.reason.label}"


def _say_tried(page: admin.ModelAdmin, request: HttpRequest, count: int) -> None:
    said = ngettext("%(count)d is tried again.", "%(count)d are tried again.", count)
    page.message_user(request, said % {"count": count}, messages.SUCCESS if count else messages.INFO)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
