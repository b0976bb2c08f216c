"""The cast of every story: Alice owns, Bob operates, Vera listens, and Charlie, a stranger, must see nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.studio import name_a_device, open_a_studio  # noqa: F401 - fixtures for whoever needs a running server

if TYPE_CHECKING:
    from accounts.models import Organization, User


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Let no test go on in the language of another one's visitor."""
    from django.utils import translation

    translation.activate("en")
    yield
    translation.deactivate()


@dataclass(frozen=True)
class Cast:
    """Four people and the organization that three of them share."""

    organization: "Organization"
    alice: "User"
    bob: "User"
    vera: "User"
    charlie: "User"


@pytest.fixture(autouse=True)
def quick_passwords(settings) -> None:
    """Hash passwords fast: Argon2 is slow by design, and four people are made for most tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def cast(db) -> Cast:
    """Alice owns a studio, Bob operates it, Vera may listen; Charlie has an organization of his own and no more."""
    from accounts.models import Membership, Role, User

    alice = User.objects.create_user("alice", password="alice keeps a long password")
    studio = alice.home_organization()
    people = {}
    for name, role in (("bob", Role.OPERATOR), ("vera", Role.VIEWER)):
        people[name] = User.objects.create_user(name, password=f"{name} keeps a long password")
        people[name].memberships.all().delete()  # so that what they make is made in the studio
        Membership.objects.create(user=people[name], organization=studio, role=role)
    charlie = User.objects.create_user("charlie", password="charlie keeps a long password")
    return Cast(studio, alice, people["bob"], people["vera"], charlie)


@pytest.fixture
def studio_room(cast: Cast):
    """A room of the studio in which something could be heard."""
    from rooms.models import Room

    return Room.objects.create(organization=cast.organization, name="Weekly planning", created_by=cast.alice)


@pytest.fixture
def studio_device(cast: Cast, studio_room):
    """A microphone of the studio, bound to its room."""
    from devices.models import Device

    return Device.objects.create(
        organization=cast.organization, device_id="esp32-meeting-01", name="Table", room=studio_room
    )
