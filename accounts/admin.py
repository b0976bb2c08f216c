"""The admin's pages for people, organizations, roles and API keys."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.api_keys import make_api_key, revoke_api_key
from accounts.forms import NewApiKeyForm, UserChangeForm, UserCreationForm
from accounts.models import ApiKey, Membership, Organization, User

admin.site.site_header = "leganize"
admin.site.site_title = "leganize"
admin.site.index_title = _("Everything, for superusers")
admin.site.unregister(Group)  # roles are memberships; a second kind of right would be found by nobody


class MembershipInline(admin.TabularInline):
    """Who belongs to an organization, or to what a person belongs, and in which role."""

    model = Membership
    extra = 0
    autocomplete_fields = ["user", "organization"]
    readonly_fields = ["joined_at"]


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """People: their rights in the admin are here, their rights to rooms are memberships."""

    form = UserChangeForm
    add_form = UserCreationForm
    list_display = ["username", "full_name", "email", "organization_names", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "memberships__role"]
    search_fields = ["username", "first_name", "last_name", "email", "organizations__name"]
    date_hierarchy = "date_joined"
    filter_horizontal = ["user_permissions"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Rights in this admin"), {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[type]:
        return self.inlines if obj else []  # the first save makes the first membership

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("organizations")

    @admin.display(description=_("name"), ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description=_("organizations"))
    def organization_names(self, user: User) -> str:
        return ", ".join(organization.name for organization in user.organizations.all())


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin):
    """Tenants and who belongs to them."""

    list_display = ["name", "members", "rooms", "devices", "created_at"]
    search_fields = ["name", "users__username"]
    date_hierarchy = "created_at"
    readonly_fields = ["created_at"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                member_count=Count("memberships", distinct=True),
                room_count=Count("rooms", distinct=True),
                device_count=Count("devices", distinct=True),
            )
        )

    @admin.display(description=_("members"), ordering="member_count")
    def members(self, organization: Any) -> int:
        return organization.member_count

    @admin.display(description=_("rooms"), ordering="room_count")
    def rooms(self, organization: Any) -> int:
        return organization.room_count

    @admin.display(description=_("devices"), ordering="device_count")
    def devices(self, organization: Any) -> int:
        return organization.device_count


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    """Who may do what where: removing one closes that person's sockets there within a second."""

    list_display = ["user", "organization", "role", "joined_at"]
    list_filter = ["role"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__username", "user__email", "organization__name"]
    autocomplete_fields = ["user", "organization"]
    date_hierarchy = "joined_at"
    readonly_fields = ["joined_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Keys of integrations: made here and shown once, revoked here."""

    list_display = ["name", "user", "scopes", "created_at", "last_used_at", "revoked_at"]
    list_filter = ["scopes", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["name", "user__username"]
    date_hierarchy = "created_at"
    autocomplete_fields = ["user"]
    fields = ["user", "name", "scopes", "created_at", "last_used_at", "revoked_at"]
    actions = ["revoke"]

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> type:
        return super().get_form(request, obj, change, **kwargs if obj else {**kwargs, "form": NewApiKeyForm})

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return self.fields if obj else ["user", "name", "scopes"]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return ["user", "scopes", "created_at", "last_used_at", "revoked_at"] if obj else []

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["name"])
            return
        made, text = make_api_key(obj.user, obj.name, form.cleaned_data["scopes"])
        obj.__dict__.update(made.__dict__)  # the admin goes on with this instance: it must be the row that was made
        sentence = _t("Copy this key now; it cannot be shown again: %(key)s") % {"key": text}
        self.message_user(request, sentence, messages.WARNING)

    @admin.action(description=_("Revoke the chosen API keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        living = list(queryset.filter(revoked_at=None))
        for key in living:
            revoke_api_key(key)
        said = ngettext("%(count)d key was revoked.", "%(count)d keys were revoked.", len(living))
        self.message_user(request, said % {"count": len(living)}, messages.SUCCESS)
