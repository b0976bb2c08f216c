"""The HTTP calls of protocol v1: what pages in the field already ask, answered for their user's organizations alone."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.decisions import JsonBody
from accounts.models import User
from accounts.tenancy import may_operate
from devices.models import Connection
from devices.presence import lobby
from rooms.grants import make_grant
from rooms.lifecycle import MAX_NAME_CHARACTERS, create_room, end_room
from rooms.models import Room

MAX_PAGE = 100
_DETAILS = ("companyType", "meetingType", "location", "meetingNo", "companyName", "description")
_LONGEST_DETAIL = 500


class V1View(APIView):
    """Signed-in users and API keys; forms and JSON, as the first pages sent either."""

    parser_classes = [MultiPartParser, FormParser, JsonBody]


@extend_schema(exclude=True)
class PendingDevices(V1View):
    """`GET /api/esp32/pending`: the sockets that wait and that this user may connect."""

    def get(self, request: Request) -> Response:
        return _device_list([{"deviceId": connection.reported_id} for connection in lobby(request.user)])


@extend_schema(exclude=True)
class ConnectedDevices(V1View):
    """`GET /api/esp32/connected`: this user's devices that are in a room now."""

    def get(self, request: Request) -> Response:
        organizations = request.user.memberships.values("organization")
        sockets = (
            Connection.objects.live()
            .exclude(state=Connection.State.PENDING)
            .filter(device__organization__in=organizations, room__isnull=False)
        )
        return _device_list([{"deviceId": each.reported_id, "roomId": str(each.room_id)} for each in sockets])


@extend_schema(exclude=True)
class Rooms(V1View):
    """`POST /api/room` makes a room and lets its maker in; `GET /api/room` lists rooms, without any token."""

    def post(self, request: Request) -> Response:
        organization = request.user.home_organization()
        if organization is None or not may_operate(request.user, organization):
            return Response({"error": _("Making rooms is for operators.")}, status=status.HTTP_403_FORBIDDEN)
        told = _told(request)
        if told is None:
            return _bad(_("Send a form or a JSON object."))
        details = {key: told[key] for key in _DETAILS if key in told}
        try:
            room = create_room(organization, _name(told), by=request.user, details=details)
        except ValueError as error:
            return Response({"error": str(error)}, status=status.HTTP_400_BAD_REQUEST)
        _grant, token = make_grant(room, by=request.user, label=request.user.username, may_talk=True, may_control=True)
        answer = {"id": str(room.pk), "roomId": str(room.pk), "accessToken": token}
        return Response(answer | _room(room), status=status.HTTP_201_CREATED)

    def get(self, request: Request) -> Response:
        rooms = Room.objects.visible_to(request.user)
        wanted = request.query_params.get("status")
        if wanted:
            if wanted not in Room.Status.values:
                return _bad(f"status is one of {', '.join(Room.Status.values)}")
            rooms = rooms.filter(status=wanted)
        try:
            limit, skip = _number(request, "limit", 20, MAX_PAGE), _number(request, "skip", 0, 10**9)
        except ValueError as error:
            return _bad(str(error))
        page = [_room(room) for room in rooms[skip : skip + limit]]
        return Response({"total": rooms.count(), "count": len(page), "skip": skip, "limit": limit, "rooms": page})


@extend_schema(exclude=True)
class OneRoom(V1View):
    """`GET /api/room/R`."""

    def get(self, request: Request, room_id: str) -> Response:
        room = _find(request.user, room_id)
        return Response({"room": _room(room)}) if room else _no_room()


@extend_schema(exclude=True)
class EndRoom(V1View):
    """`POST /api/room/R/end`."""

    def post(self, request: Request, room_id: str) -> Response:
        room = _find(request.user, room_id)
        if room is None:
            return _no_room()
        if not may_operate(request.user, room.organization):
            return Response({"error": _("Ending rooms is for operators.")}, status=status.HTTP_403_FORBIDDEN)
        try:
            end_room(room, by=request.user)
        except ValueError:
            return _bad("Room is not active")
        return Response({"success": True, "roomId": str(room.pk)})


def _find(user: User, room_id: str) -> Room | None:
    try:
        return Room.objects.visible_to(user).select_related("organization").filter(pk=UUID(room_id)).first()
    except (ValueError, ValidationError):
        return None


def _told(request: Request) -> dict[str, str] | None:
    """Return what a form or a JSON object says, as printable text; None for a body that is neither."""
    data: Any = request.data
    if not hasattr(data, "items"):
        return None
    plain = {key: value for key, value in data.items() if isinstance(value, str | int | float)}
    texts = {key: "".join(filter(str.isprintable, str(value)))[:_LONGEST_DETAIL] for key, value in plain.items()}
    return {key: text for key, text in texts.items() if text}


def _name(told: dict[str, str]) -> str:
    given = told.get("name") or told.get("meetingType") or told.get("location")
    return given[:MAX_NAME_CHARACTERS] if given else _("Room of %(day)s") % {"day": timezone.localdate().isoformat()}


def _room(room: Room) -> dict[str, Any]:
    ended = room.ended_at.isoformat() if room.ended_at else None
    return room.details | {
        "id": str(room.pk),
        "name": room.name,
        "status": room.status,
        "meetingType": room.details.get("meetingType", ""),
        "location": room.details.get("location", ""),
        "startedAt": room.started_at.isoformat(),
        "endedAt": ended,
    }


def _device_list(devices: list[dict[str, str]]) -> Response:
    now = timezone.now().isoformat()
    return Response({"success": True, "count": len(devices), "devices": devices, "timestamp": now})


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise ValueError(f"{name} is a whole number, 0 or more")
    return min(int(text), most)


def _bad(sentence: str) -> Response:
    return Response({"error": sentence}, status=status.HTTP_400_BAD_REQUEST)


def _no_room() -> Response:
    return Response({"error": "Room not found"}, status=status.HTTP_404_NOT_FOUND)
