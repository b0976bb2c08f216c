"""What people may fill in, checked by the same rules as the API's."""

from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext_lazy as _

from devices.control import device_name
from devices.models import Device
from leganize.wire.pcm import SAMPLE_RATES_HZ
from pages.states import rate_in_words
from rooms.lifecycle import MAX_NAME_CHARACTERS, room_name
from rooms.models import Room


class RoomForm(forms.Form):
    """A room's name, and whether what is heard in it is kept."""

    name = forms.CharField(
        label=_("Name"),
        max_length=MAX_NAME_CHARACTERS,
        error_messages={"required": _("Give the room a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("Weekly planning")}),
    )
    records = forms.TypedChoiceField(
        label=_("Sound"),
        choices=[("yes", _("Record")), ("no", _("Only listen"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
        initial="yes",
    )

    def clean_name(self) -> str:
        return _checked(room_name, self.cleaned_data["name"])


class DeviceForm(forms.Form):
    """How a device is called, where it is, and how its sound is to be read."""

    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    sample_rate_hz = forms.TypedChoiceField(label=_("Sample rate"), coerce=int)
    channels = forms.TypedChoiceField(label=_("Channels"), coerce=int, choices=[(1, _("Mono")), (2, _("Stereo"))])
    room = forms.ModelChoiceField(
        label=_("Room"), queryset=Room.objects.none(), required=False, empty_label=_("No room")
    )

    def __init__(self, data: Any = None, *, device: Device, user: AbstractBaseUser) -> None:
        given = {name: getattr(device, name) for name in ("name", "sample_rate_hz", "channels", "room")}
        super().__init__(data, initial=given)
        self.fields["name"].widget.attrs.update({"autocomplete": "off", "placeholder": device.device_id})
        self.fields["sample_rate_hz"].choices = [(rate, rate_in_words(rate)) for rate in sorted(SAMPLE_RATES_HZ)]
        rooms = Room.objects.operable_by(user).filter(organization=device.organization, status=Room.Status.ACTIVE)
        self.fields["room"].queryset = rooms

    def clean_name(self) -> str:
        return _checked(device_name, self.cleaned_data["name"])


def _checked(rule: Any, text: str) -> str:
    try:
        return rule(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
