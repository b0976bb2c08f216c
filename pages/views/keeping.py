"""Keeping and deleting: the rules in words for everyone; owners change them, after a look at what would go."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Organization, Role
from accounts.tenancy import may_operate
from pages.choice import identity
from pages.decisions import decide
from pages.forms import KeepingForm
from pages.rules import rules_of
from recordings.keeping import retention
from recordings.keeping.space import space_in_words, warnings
from recordings.models import Recording, RetentionPolicy
from rooms.models import Room

SHOWN_LEAVING = 100


@login_required
@require_http_methods(["GET", "POST"])
def keeping(request: HttpRequest) -> HttpResponse:
    """Show the rules; an owner changes them, and sees what would go before it does."""
    organization, room = _asked_for(request)
    policy = _policy(organization, room)
    form = KeepingForm(request.POST or None, policy=policy)
    leaving = None
    if request.method == "POST":
        _require_owner(request, organization)
        if form.is_valid():
            leaving = retention.plan(organization, instead=_as_asked(policy, form.limits))
            if "look" not in request.POST and ("sure" in request.POST or not leaving):
                return _save(request, organization, room, form)
    context = {
        **_shown(request, organization, room),
        "form": form,
        "policy": policy,
        "leaving": None if leaving is None else leaving[:SHOWN_LEAVING],
        "leaving_count": len(leaving or ()),
        "leaving_bytes": sum(each.recording.stored_bytes for each in leaving or ()),
        "leaving_more": max(0, len(leaving or ()) - SHOWN_LEAVING),
    }
    return render(request, "pages/keeping.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def follow(request: HttpRequest, pk: Any) -> HttpResponse:
    """Let a room follow the rules of all rooms again."""
    room = get_object_or_404(Room.objects.visible_to(request.user).select_related("organization"), pk=pk)
    _require_owner(request, room.organization)
    policy = get_object_or_404(RetentionPolicy.objects.visible_to(request.user), room=room)
    back = f"{reverse('keeping')}?organization={room.organization_id}"
    done = _("%(room)s follows the rules of all rooms.") % {"room": room.name}
    return decide(request, lambda: retention.drop_policy(policy, request.user), done, back)


def _asked_for(request: HttpRequest) -> tuple[Organization, Room | None]:
    """Return the organization, and the room if one is asked for, that the address names; 404 for those of others."""
    named = {name: request.GET.get(name, "") for name in ("organization", "room")}
    if named["room"]:
        rooms = Room.objects.visible_to(request.user).select_related("organization")
        room = get_object_or_404(rooms, pk=identity(named["room"]) or None)
        return room.organization, room
    organizations = request.user.organizations.order_by("name")
    if named["organization"]:
        return get_object_or_404(organizations, pk=identity(named["organization"]) or None), None
    found = request.user.home_organization() or organizations.first()
    if found is None:
        raise Http404
    return found, None


def _policy(organization: Organization, room: Room | None) -> RetentionPolicy:
    saved = RetentionPolicy.objects.filter(organization=organization, room=room).first()
    return saved or RetentionPolicy(organization=organization, room=room)


def _as_asked(policy: RetentionPolicy, limits: dict[str, Any]) -> RetentionPolicy:
    """Return the policy as it would be, unsaved."""
    asked = RetentionPolicy(pk=policy.pk, organization=policy.organization, room=policy.room)
    asked.quota_bytes = policy.quota_bytes
    for name, value in limits.items():
        setattr(asked, name, value)
    return asked


def _save(request: HttpRequest, organization: Organization, room: Room | None, form: KeepingForm) -> HttpResponse:
    back = reverse("keeping") + (f"?room={room.pk}" if room else f"?organization={organization.pk}")
    save = lambda: retention.set_policy(organization, room, request.user, **form.limits)  # noqa: E731
    return decide(request, save, _("Saved."), back)


def _shown(request: HttpRequest, organization: Organization, room: Room | None) -> dict[str, Any]:
    kept = Recording.objects.visible_to(request.user).filter(organization=organization)
    deleted = Recording.objects.operable_by(request.user).filter(organization=organization).exclude(deleted_at=None)
    quota = RetentionPolicy.objects.filter(organization=organization, room=None).values_list("quota_bytes", flat=True)
    return {
        "organization": organization,
        "organizations": request.user.organizations.order_by("name"),
        "room": room,
        "rooms": Room.objects.visible_to(request.user).filter(organization=organization, retention=None),
        "rules": rules_of(organization),
        "owns": _owns(request, organization),
        "may_operate": may_operate(request.user, organization),
        "kept": kept.aggregate(count=Count("pk"), bytes=Sum("stored_bytes"), marked=Count("pk", filter=Q(kept=True))),
        "deleted": deleted.aggregate(count=Count("pk"), bytes=Sum("stored_bytes")),
        "quota_bytes": quota.first(),
        "is_over_quota": organization.pk in retention.over_quota(),
        "space_left": space_in_words(),
        "warnings": warnings(),
    }


def _owns(request: HttpRequest, organization: Organization) -> bool:
    return request.user.memberships.filter(organization=organization, role=Role.OWNER).exists()


def _require_owner(request: HttpRequest, organization: Organization) -> None:
    if not _owns(request, organization):
        raise PermissionDenied
