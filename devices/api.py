"""Devices over REST: who is here, and the decisions about them: start, stop, move, configure, release."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.decisions import (
    NOT_DECIDED,
    NOT_READABLE,
    AnswersInSentences,
    impossible_is_400,
    refuse_unknown,
    require_operator,
)
from devices import presence
from devices.board import describe_devices, describe_lobby
from devices.control import configure, set_capture, stop_all
from devices.models import Device
from devices.pairing import bind, claim, release, unbind
from devices.schema import (
    BoardDeviceSerializer,
    CaptureAnswerSerializer,
    CaptureSerializer,
    ConfigureSerializer,
    ConnectSerializer,
    MoveSerializer,
    PendingSerializer,
    StoppedSerializer,
)
from rooms.api import UUID_IN_PATH
from rooms.models import Room


def claimed_devices(user: Any) -> QuerySet[Device]:
    """Return the devices that `user` may see and that nobody has released."""
    return Device.objects.visible_to(user).filter(released_at=None).select_related("organization", "room")


def entry_of(user: Any, device: Device) -> dict[str, Any]:
    """Return what the board says of one device."""
    return describe_devices(Device.objects.visible_to(user).filter(pk=device.pk), user)[0]


class DeviceViewSet(AnswersInSentences, viewsets.GenericViewSet):
    """Microphones and cameras with their presence, as every page shows them."""

    queryset = Device.objects.none()  # only names the model: what is seen starts from the person
    serializer_class = BoardDeviceSerializer
    lookup_value_regex = UUID_IN_PATH
    http_method_names = ["get", "post", "patch", "head", "options"]

    def get_queryset(self) -> QuerySet[Device]:
        return claimed_devices(self.request.user)

    @extend_schema(
        summary="Devices that you may see, with their presence",
        responses={200: BoardDeviceSerializer(many=True), **NOT_READABLE},
    )
    def list(self, request: Request) -> Response:
        page = [device.pk for device in self.paginate_queryset(self.get_queryset())]
        return self.get_paginated_response(describe_devices(self.get_queryset().filter(pk__in=page), request.user))

    @extend_schema(summary="One device", responses={200: BoardDeviceSerializer, **NOT_READABLE})
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(entry_of(request.user, self.get_object()))

    @extend_schema(
        summary="Rename a device, or say how its sound is to be read",
        request=ConfigureSerializer,
        responses={200: BoardDeviceSerializer, **NOT_DECIDED},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        device, wanted = self._decision(request, ConfigureSerializer)
        with impossible_is_400():
            configure(device, by=request.user, **wanted)
        return Response(entry_of(request.user, device))

    @extend_schema(
        summary="Start or stop a device: the wish is saved, the device obeys now or at its return",
        request=CaptureSerializer,
        responses={200: CaptureAnswerSerializer, 202: CaptureAnswerSerializer, **NOT_DECIDED},
    )
    @action(detail=True, methods=["post"])
    def capture(self, request: Request, pk: str) -> Response:
        device, wanted = self._decision(request, CaptureSerializer)
        with impossible_is_400():
            set_capture(device, on=wanted["on"], by=request.user)
        entry = entry_of(request.user, device)
        obeyed = (entry["state"] == "capturing") == wanted["on"]
        answer = {"id": entry["id"], "wanted": entry["wanted"], "state": entry["state"]}
        return Response(answer, status=200 if obeyed else 202)

    @extend_schema(
        summary="Move a device to another room, or out of its room",
        request=MoveSerializer,
        responses={200: BoardDeviceSerializer, **NOT_DECIDED},
    )
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        device, wanted = self._decision(request, MoveSerializer)
        with impossible_is_400():
            if wanted["room"] is None:
                unbind(device, by=request.user)
            else:
                bind(device, _room_to_change(request.user, wanted["room"]), by=request.user)
        return Response(entry_of(request.user, device))

    @extend_schema(
        summary="Give a device up: it waits in the lobby again; what it recorded stays",
        request=None,
        responses={204: None, **NOT_DECIDED},
    )
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        device = self.get_object()
        require_operator(request.user, device.organization)
        with impossible_is_400():
            release(device, by=request.user)
        return Response(status=204)

    def _decision(self, request: Request, shape: type) -> tuple[Device, dict[str, Any]]:
        device = self.get_object()
        require_operator(request.user, device.organization)
        return device, _validated(request, shape)


class RoomDevicesViewSet(AnswersInSentences, viewsets.GenericViewSet):
    """What is decided about a room's devices."""

    queryset = Room.objects.none()  # only names the model: what is seen starts from the person
    lookup_value_regex = UUID_IN_PATH
    serializer_class = ConnectSerializer

    def get_queryset(self) -> QuerySet[Room]:
        return Room.objects.visible_to(self.request.user).select_related("organization")

    @extend_schema(
        summary="Stop every device of a room", request=None, responses={200: StoppedSerializer, **NOT_DECIDED}
    )
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        room = _room_to_change(request.user, pk)
        return Response({"stopped": stop_all(room, by=request.user)})

    @extend_schema(
        summary="Put a device into a room: one that waits in the lobby, or one of yours",
        request=ConnectSerializer,
        responses={200: BoardDeviceSerializer, **NOT_DECIDED},
    )
    @action(detail=True, methods=["post"])
    def devices(self, request: Request, pk: str) -> Response:
        room = _room_to_change(request.user, pk)
        wanted = _validated(request, ConnectSerializer)
        with impossible_is_400():
            if "connection" in wanted:
                waiting = get_object_or_404(presence.lobby(request.user), pk=wanted["connection"])
                device = claim(waiting, room, by=request.user)
            else:
                device = get_object_or_404(claimed_devices(request.user), pk=wanted["device"])
                require_operator(request.user, device.organization)
                bind(device, room, by=request.user)
        return Response(entry_of(request.user, device))


@extend_schema_view(
    list=extend_schema(
        summary="Devices that wait for a room and that you may see",
        responses={200: PendingSerializer(many=True), **NOT_READABLE},
    )
)
class LobbyViewSet(AnswersInSentences, viewsets.GenericViewSet):
    """Pending sockets: devices that said their ID and wait to be told a room."""

    serializer_class = PendingSerializer

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(describe_lobby(request.user))
        return self.get_paginated_response(page)


def _validated(request: Request, shape: type) -> dict[str, Any]:
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    refuse_unknown(request.data, serializer.fields)
    return dict(serializer.validated_data)


def _room_to_change(user: Any, pk: str | UUID) -> Room:
    room = get_object_or_404(Room.objects.visible_to(user).select_related("organization"), pk=pk)
    require_operator(user, room.organization)
    return room
