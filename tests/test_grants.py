"""A grant lends what its maker may, for as long as its maker may it."""

import pytest

from accounts.models import Membership, Role
from accounts.principal import Scope
from rooms.grants import admit, make_grant, refresh, revoke_grant
from rooms.models import Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def granted(cast, studio_room):
    grant, token = make_grant(studio_room, by=cast.bob, may_talk=True, may_control=True)
    return grant, (str(studio_room.pk), token)


def test_a_grant_lets_its_holder_in_with_what_was_ticked(granted):
    _grant, pair = granted
    assert admit([pair])[pair].scopes == {Scope.LISTEN, Scope.TALK, Scope.CONTROL}


def test_a_grant_for_another_room_or_with_another_token_lets_nobody_in(granted, cast):
    _grant, (room, token) = granted
    other = Room.objects.create(organization=cast.organization, name="Other")
    assert admit([(str(other.pk), token), (room, token + "x"), (room, ""), ("../../etc/passwd", token)]) == {}


def test_a_maker_who_becomes_a_viewer_lends_only_listening(granted, cast):
    grant, _pair = granted
    Membership.objects.filter(user=cast.bob).update(role=Role.VIEWER)
    assert refresh([grant.pk])[grant.pk].scopes == {Scope.LISTEN}


@pytest.mark.parametrize("ending", ["membership", "person", "room", "revoked", "expired"])
def test_a_grant_ends_with_its_makers_membership_its_room_and_its_time(granted, cast, ending):
    grant, pair = granted
    match ending:
        case "membership":
            Membership.objects.filter(user=cast.bob).delete()
        case "person":
            type(cast.bob).objects.filter(pk=cast.bob.pk).update(is_active=False)
        case "room":
            Room.objects.update(status=Room.Status.ENDED)
        case "revoked":
            revoke_grant(grant, by=cast.alice)
        case "expired":
            type(grant).objects.update(expires_at=grant.created_at)
    assert refresh([grant.pk]) == {}
    assert admit([pair]) == {}
