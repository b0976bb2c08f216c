"""What people may fill in, checked by the same rules as the API's."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext_lazy as _

from devices.control import device_name
from devices.models import Device
from leganize.wire.pcm import SAMPLE_RATES_HZ
from pages.states import rate_in_words
from recordings.keeping.retention import LARGEST
from recordings.models import RetentionPolicy
from rooms.lifecycle import MAX_NAME_CHARACTERS, room_name
from rooms.models import Room

GIGABYTE = 1024**3  # as `filesizeformat` tells sizes
LEAST_GIGABYTES = Decimal("0.001")
PLAIN_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]*")


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


class PlainDigits:
    """Refuses what Python reads as a number and people may not: digits of other scripts, 1_000, and 1e3."""

    def to_python(self, value: Any) -> Any:
        """Return the number; ValidationError where it is written otherwise."""
        if value and not PLAIN_NUMBER.fullmatch(str(value).strip()):
            raise forms.ValidationError(_("Write the number with the digits 0 to 9."))
        return super().to_python(value)  # type: ignore[misc]


class DaysField(PlainDigits, forms.IntegerField):
    """A number of days."""


class GigabytesField(PlainDigits, forms.DecimalField):
    """A size in GB, to the thousandth."""


class KeepingForm(forms.Form):
    """How long and how much is kept, in all rooms of an organization or in one of them."""

    keep_days = DaysField(
        label=_("Keep for days"),
        required=False,
        min_value=1,
        max_value=LARGEST["keep_days"],
        help_text=_("Empty: for ever."),
    )
    keep_gigabytes = GigabytesField(
        label=_("Keep at most, in GB"),
        required=False,
        min_value=LEAST_GIGABYTES,
        max_value=LARGEST["keep_bytes"] // GIGABYTE,
        decimal_places=3,
        help_text=_("Empty: without limit. Else the oldest go first."),
    )
    quota_gigabytes = GigabytesField(
        label=_("Quota in GB"),
        required=False,
        min_value=LEAST_GIGABYTES,
        max_value=LARGEST["quota_bytes"] // GIGABYTE,
        decimal_places=3,
        help_text=_("Recording pauses while this much is kept. Empty: no quota."),
    )
    legal_hold = forms.BooleanField(label=_("Legal hold"), required=False)

    def __init__(self, data: Any = None, *, policy: RetentionPolicy) -> None:
        given = {
            "keep_days": policy.keep_days,
            "keep_gigabytes": _in_gigabytes(policy.keep_bytes),
            "quota_gigabytes": _in_gigabytes(policy.quota_bytes),
            "legal_hold": policy.legal_hold,
        }
        super().__init__(data, initial=given)
        if policy.room_id:
            del self.fields["quota_gigabytes"]
        for name in ("keep_days", "keep_gigabytes", "quota_gigabytes"):
            if name in self.fields:
                self.fields[name].widget.attrs["autocomplete"] = "off"

    @property
    def limits(self) -> dict[str, Any]:
        """What was filled in, as `retention.set_policy` takes it."""
        said = self.cleaned_data
        limits = {"keep_days": said["keep_days"], "legal_hold": said["legal_hold"]}
        for name in ("keep", "quota"):
            if f"{name}_gigabytes" in said:
                size = said[f"{name}_gigabytes"]
                limits[f"{name}_bytes"] = None if size is None else int(size * GIGABYTE)
        return limits


def _in_gigabytes(size_bytes: int | None) -> Decimal | None:
    """Return the size without trailing zeros, and 500 not as 5E+2."""
    if size_bytes is None:
        return None
    return Decimal(format(round(Decimal(size_bytes) / GIGABYTE, 3).normalize(), "f"))


def _checked(rule: Any, text: str) -> str:
    try:
        return rule(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
