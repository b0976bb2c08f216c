"""Where a person arrives, and the choice of light or dark."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from pages.chrome import THEMES
from pages.decisions import way_back
from rooms.models import Room

YEAR_S = 365 * 24 * 60 * 60


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the rooms where there is something to hear, else to where a device is connected."""
    if not request.user.is_authenticated:
        return redirect("login")
    has_device = Room.objects.visible_to(request.user).filter(devices__released_at=None, devices__isnull=False).exists()
    return redirect("rooms" if has_device else "connect")


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the appearance in a cookie; any other value than ours means as the system says."""
    response = redirect(way_back(request, "home"))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=YEAR_S, samesite="Lax", secure=settings.BEHIND_TLS)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response
