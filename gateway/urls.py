"""The paths of protocol v1's HTTP calls, below `/api/`."""

from django.urls import re_path

from gateway import v1_http

urlpatterns = [
    re_path(r"^esp32/pending/?$", v1_http.PendingDevices.as_view()),
    re_path(r"^esp32/connected/?$", v1_http.ConnectedDevices.as_view()),
    re_path(r"^room/?$", v1_http.Rooms.as_view()),
    re_path(r"^room/(?P<room_id>[^/]+)/?$", v1_http.OneRoom.as_view()),
    re_path(r"^room/(?P<room_id>[^/]+)/end/?$", v1_http.EndRoom.as_view()),
]
