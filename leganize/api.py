"""REST v1: which viewset answers which path, and the description of all of it for programs and for people."""

import sys

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path, re_path
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import IsAuthenticated
from rest_framework.routers import SimpleRouter

from devices.api import DeviceViewSet, LobbyViewSet, RoomDevicesViewSet
from leganize import full_disk
from pages import errors
from recordings.api import MarkerViewSet, RecordingViewSet
from recordings.exporting.api import ExportViewSet
from rooms.api import UUID_IN_PATH, RoomViewSet


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the schema says `Authorization: Bearer KEY`."""

    target_class = "accounts.api_keys.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of `manage.py create_api_key USERNAME`."}


router = SimpleRouter()
router.trailing_slash = "/?"
router.register("rooms", RoomViewSet)
router.register("rooms", RoomDevicesViewSet, basename="room-devices")
router.register("devices", DeviceViewSet)
router.register("lobby", LobbyViewSet, basename="lobby")
router.register("recordings", RecordingViewSet)
router.register(f"recordings/(?P<recording_id>{UUID_IN_PATH})/markers", MarkerViewSet, basename="markers")
router.register("exports", ExportViewSet)


def not_found(request: HttpRequest) -> HttpResponse:
    """Answer in JSON, not with our page: who comes here is a program."""
    return JsonResponse({"detail": _("There is nothing here. The API is described at /api/docs/.")}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500: in JSON below `/api/`, with our page elsewhere; 409 where a session could not be saved any more."""
    if full_disk.says_full(sys.exc_info()[1]):
        return full_disk.answer(request)
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("Something broke here. It has been written to the server's log.")}, status=500)
    return errors.server_error(request)


urlpatterns = [
    path("v1/", include(router.urls)),
    re_path("^schema/?$", SpectacularAPIView.as_view(permission_classes=[IsAuthenticated]), name="schema"),
    re_path(
        "^docs/?$",
        login_required(SpectacularSwaggerSplitView.as_view(template_name="leganize/api_docs.html")),
        name="api_docs",
    ),
]
