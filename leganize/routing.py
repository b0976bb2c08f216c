"""Which door a socket goes to."""

from channels.routing import URLRouter
from django.urls import re_path

from gateway.door import live_door, rooms_door
from leganize.not_found import no_such_socket

websocket_urls = URLRouter(
    [
        re_path(r"^ws/?$", rooms_door),
        re_path(r"^ws/live/?$", live_door),
        re_path(r"", no_such_socket),
    ]
)
