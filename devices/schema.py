"""The shapes of requests and answers about devices, for the API's door and for its documentation."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from devices.models import Device
from leganize.wire.pcm import SAMPLE_RATES_HZ

STATES = ["pending", "connecting", "connected", "starting", "capturing", "stopping", "away", "reconnecting"]


class NamedSerializer(serializers.Serializer):
    """A row that is referred to, with the name that people know it by."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class HintSerializer(serializers.Serializer):
    """What the arrival rate looks like, where that is not what is set."""

    rate = serializers.IntegerField()
    channels = serializers.IntegerField()


class ConflictSerializer(serializers.Serializer):
    """Two sockets say one name."""

    addresses = serializers.ListField(child=serializers.CharField())
    connection = serializers.UUIDField(help_text="The newcomer's socket.")


class BoardDeviceSerializer(serializers.Serializer):
    """One device as every page shows it; `docs/protocol.md` says the same of `board`."""

    id = serializers.UUIDField()
    deviceId = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Device.Kind.choices)
    stream = serializers.IntegerField(help_text="The number by which its chunks are told from others in a room.")
    room = NamedSerializer(allow_null=True)
    rate = serializers.IntegerField(help_text="In Hz.")
    channels = serializers.IntegerField()
    state = serializers.ChoiceField(STATES, help_text="What it reported, never only what was asked for.")
    since = serializers.DateTimeField(allow_null=True)
    wanted = serializers.BooleanField(help_text="Whether it is asked to capture.")
    mayControl = serializers.BooleanField()
    address = serializers.CharField(allow_null=True)
    lastHeard = serializers.DateTimeField(allow_null=True)
    drops = serializers.IntegerField(help_text="How often it dropped today.")
    hint = HintSerializer(allow_null=True)
    problem = serializers.CharField(allow_blank=True)
    connection = serializers.UUIDField(allow_null=True, help_text="The pending socket that can be connected.")
    conflict = ConflictSerializer(allow_null=True)


class PendingSerializer(serializers.Serializer):
    """One pending socket."""

    connection = serializers.UUIDField()
    deviceId = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField()
    simulated = serializers.BooleanField()
    twins = serializers.IntegerField(help_text="How many other pending sockets say the same ID.")
    device = serializers.UUIDField(allow_null=True, help_text="The device of yours that it may be.")


class ConfigureSerializer(serializers.Serializer):
    """What may be changed about a device; what is left out stays."""

    name = serializers.CharField(max_length=120, allow_blank=True, required=False)
    sample_rate_hz = serializers.ChoiceField(sorted(SAMPLE_RATES_HZ), required=False)
    channels = serializers.ChoiceField([1, 2], required=False)
    kind = serializers.ChoiceField(Device.Kind.choices, required=False)


class CaptureSerializer(serializers.Serializer):
    """Whether a device is to capture."""

    on = serializers.BooleanField()


class CaptureAnswerSerializer(serializers.Serializer):
    """What is wanted of a device and what it reported: 200 when they agree, 202 when it has yet to obey."""

    id = serializers.UUIDField()
    wanted = serializers.BooleanField()
    state = serializers.ChoiceField(STATES)


class MoveSerializer(serializers.Serializer):
    """Where a device is to go; null takes it out of its room."""

    room = serializers.UUIDField(allow_null=True)


class ConnectSerializer(serializers.Serializer):
    """Either a socket that waits in the lobby, or a device that is yours already."""

    connection = serializers.UUIDField(required=False)
    device = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError(_("Name either a connection or a device."))
        return attrs


class StoppedSerializer(serializers.Serializer):
    """How many devices were asked to stop."""

    stopped = serializers.IntegerField()
