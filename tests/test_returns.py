"""What a room's page is told of a device that dropped while it captured, and is back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Connection, Worker
from devices.returns import note_return
from leganize.wire.identity import new_epoch
from rooms.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def returned(studio_device):
    """A device whose socket ended 10 s ago, and whose new one opened 4 s ago."""
    now, worker = timezone.now(), Worker.objects.create(host="here", pid=1)
    studio_device.desired_capture, studio_device.desired_at = True, now - timedelta(minutes=5)
    studio_device.save()
    plain = {"worker": worker, "reported_id": studio_device.device_id, "device": studio_device}
    for opened, closed in ((60, 10), (4, None)):
        Connection.objects.create(
            id=new_epoch(now.timestamp() - opened),
            room=studio_device.room,
            state="connected",
            opened_at=now - timedelta(seconds=opened),
            closed_at=closed and now - timedelta(seconds=closed),
            **plain,
        )
    return studio_device, Connection.objects.order_by("-pk").first()


def test_a_return_is_told_with_how_long_it_took(returned):
    device, back = returned
    note_return(device.pk, back.pk)
    told = Event.objects.get(kind="device-back")
    assert (told.subject, told.detail["seconds"], told.room) == ("Table", 6, device.room)


def test_a_device_of_which_nothing_was_wanted_returns_in_silence(returned):
    device, back = returned
    device.desired_capture = False
    device.save()
    note_return(device.pk, back.pk)
    assert not Event.objects.filter(kind="device-back").exists()


def test_a_first_arrival_is_no_return(returned):
    device, back = returned
    Connection.objects.exclude(pk=back.pk).delete()
    note_return(device.pk, back.pk)
    assert not Event.objects.filter(kind="device-back").exists()
