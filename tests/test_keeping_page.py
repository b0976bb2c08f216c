"""Keeping and deleting: everyone reads the rules, owners change them, and nothing goes that was not shown before."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.keeping import retention
from recordings.models import Recording, RetentionPolicy
from rooms.models import Room
from tests.kept import empty_recording
from tests.test_pages import signed_in, text_of

KEEPING = reverse("keeping")
GIGABYTE = 1024**3


@pytest.fixture
def old_and_new(studio_device) -> tuple[Recording, Recording]:
    """A recording that ended forty days ago, of 2 GB, and one of today, of 1 GB."""
    made = []
    for title, days, gigabytes in (("Rehearsal", 40, 2), ("Concert", 0, 1)):
        ended = timezone.now() - timedelta(days=days)
        started = ended - timedelta(hours=1)
        size = gigabytes * GIGABYTE
        made.append(empty_recording(studio_device, started_at=started, ended_at=ended, stored_bytes=size, title=title))
    return made[0], made[1]


def general(cast) -> RetentionPolicy:
    return RetentionPolicy.objects.get(organization=cast.organization, room=None)


def test_everyone_reads_the_rules_and_only_owners_find_a_form(cast, studio_room):
    retention.set_policy(cast.organization, None, cast.alice, keep_days=30, keep_bytes=200 * GIGABYTE)
    retention.set_policy(cast.organization, studio_room, cast.alice, legal_hold=True)
    for person, owns in ((cast.alice, True), (cast.bob, False), (cast.vera, False)):
        page = text_of(signed_in(person).get(KEEPING))
        assert "Recordings go 30 days after they ended." in page and "Above 200.0\xa0GB the oldest go first." in page
        assert "Legal hold: nothing is deleted, by nobody and by no rule." in page
        assert ('name="keep_days"' in page, "Only an owner decides what is kept." in page) == (owns, not owns)
    assert "Everything is kept for ever." in text_of(signed_in(cast.charlie).get(KEEPING))
    assert Client().get(KEEPING).status_code == 302


@pytest.mark.parametrize("person", ["bob", "vera"])
def test_who_is_no_owner_changes_no_rule(person, cast, studio_room):
    retention.set_policy(cast.organization, studio_room, cast.alice, keep_days=7)
    client = signed_in(getattr(cast, person))
    assert client.post(KEEPING, {"keep_days": "1", "sure": "yes"}).status_code == 403
    assert client.post(reverse("keeping_follow", args=[studio_room.pk])).status_code == 403
    assert RetentionPolicy.objects.get().keep_days == 7


def test_a_stranger_finds_and_changes_nothing(cast, studio_room):
    charlie = signed_in(cast.charlie)
    for query in (
        f"?room={studio_room.pk}",
        f"?organization={cast.organization.pk}",
        "?room=%3Cimg%3E",
        "?organization=1",
    ):
        assert charlie.get(KEEPING + query).status_code == 404
        assert charlie.post(KEEPING + query, {"keep_days": "1", "sure": "yes"}).status_code == 404
    assert charlie.post(reverse("keeping_follow", args=[studio_room.pk])).status_code == 404
    assert not RetentionPolicy.objects.exists()


def test_a_dry_run_tells_what_would_go_and_why_and_changes_nothing(cast, old_and_new):
    alice = signed_in(cast.alice)
    page = text_of(alice.post(KEEPING, {"keep_days": "30", "look": "yes"}))
    assert "1 recording would go now, 2.0\xa0GB." in page and "Kept for as long as was asked" in page
    assert "Rehearsal" in page and "Concert" not in page and 'value="30"' in page
    page = text_of(alice.post(KEEPING, {"keep_gigabytes": "1.5", "look": "yes"}))
    assert "1 recording would go now" in page and "The oldest above the limit" in page
    assert "Nothing would go now." in text_of(alice.post(KEEPING, {"keep_gigabytes": "3", "look": "yes"}))
    assert not RetentionPolicy.objects.exists() and Recording.objects.count() == 2


def test_a_rule_that_lets_something_go_is_saved_only_after_it_was_shown(cast, old_and_new):
    alice = signed_in(cast.alice)
    page = text_of(alice.post(KEEPING, {"keep_days": "30", "save": "yes"}))
    assert "Save, and let 1 recording go" in page and not RetentionPolicy.objects.exists()
    saved = text_of(alice.post(KEEPING, {"keep_days": "30", "sure": "yes"}, follow=True))
    assert "Saved." in saved and "Recordings go 30 days after they ended." in saved
    assert [each.recording for each in retention.plan(cast.organization)] == [old_and_new[0]]


def test_a_rule_by_which_nothing_goes_is_saved_at_once(cast, old_and_new):
    sent = {"keep_gigabytes": "4.5", "quota_gigabytes": "500", "save": "yes"}
    assert "Saved." in text_of(signed_in(cast.alice).post(KEEPING, sent, follow=True))
    policy = general(cast)
    assert (policy.keep_days, policy.keep_bytes, policy.quota_bytes, policy.legal_hold) == (
        None, int(4.5 * GIGABYTE), 500 * GIGABYTE, False,
    )  # fmt: skip
    page = text_of(signed_in(cast.alice).get(KEEPING))
    assert 'value="4.5"' in page and 'value="500"' in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep_days": "0"}, {"keep_days": "-3"}, {"keep_days": "9" * 40}, {"keep_days": "soon"},
        {"keep_gigabytes": "NaN"}, {"keep_gigabytes": "Infinity"}, {"keep_gigabytes": "-1"}, {"keep_gigabytes": "0"},
        {"quota_gigabytes": "1e99"}, {"quota_gigabytes": "<img>"}, {"keep_gigabytes": "."}, {"keep_days": "+"},
    ],
)  # fmt: skip
def test_a_number_that_no_rule_can_have_is_refused_in_words(wrong, cast):
    response = signed_in(cast.alice).post(KEEPING, wrong | {"sure": "yes"})
    assert response.status_code == 400 and "errorlist" in text_of(response)
    assert not RetentionPolicy.objects.exists()


@pytest.mark.parametrize("number", ["٣", "๓", "３", "1_000", "soon"])
@pytest.mark.parametrize("field", ["keep_days", "keep_gigabytes", "quota_gigabytes"])
def test_a_number_is_written_with_the_digits_0_to_9(field, number, cast):
    response = signed_in(cast.alice).post(KEEPING, {field: number, "sure": "yes"})
    assert response.status_code == 400 and "Write the number with the digits 0 to 9." in text_of(response)
    assert not RetentionPolicy.objects.exists()


def test_the_list_and_the_keeping_page_tell_the_space_in_one_sentence(cast, old_and_new):
    alice = signed_in(cast.alice)
    pages = [text_of(alice.get(url)) for url in (KEEPING, reverse("recordings"))]
    told = [re.findall(r"About \d+ \w+ of recording left\.", page) for page in pages]
    assert told[0] == told[1] and len(told[0]) == 1


def test_a_legal_hold_keeps_all_and_is_lifted_again(cast, old_and_new):
    alice = signed_in(cast.alice)
    page = text_of(alice.post(KEEPING, {"keep_days": "30", "legal_hold": "on", "save": "yes"}, follow=True))
    assert "Saved." in page and "Legal hold: nothing is deleted" in page
    assert general(cast).legal_hold and retention.plan(cast.organization) == []
    page = text_of(alice.post(KEEPING, {"keep_days": "30", "save": "yes"}))
    assert "1 recording would go now" in page and general(cast).legal_hold
    alice.post(KEEPING, {"keep_days": "30", "sure": "yes"})
    assert not general(cast).legal_hold


def test_a_room_has_a_rule_of_its_own_until_it_follows_the_others_again(cast, studio_room, old_and_new):
    Room.objects.create(organization=cast.organization, name="Studio B")
    alice = signed_in(cast.alice)
    url = f"{KEEPING}?room={studio_room.pk}"
    page = text_of(alice.get(url))
    assert "Quota in GB" not in page and "A rule of its own replaces the one of all rooms here." in page
    alice.post(url, {"keep_days": "90", "quota_gigabytes": "1", "save": "yes"})
    own = RetentionPolicy.objects.get()
    assert (own.room, own.keep_days, own.quota_bytes) == (studio_room, 90, None)
    page = text_of(alice.get(KEEPING))
    assert "All other rooms" in page and "Recordings go 90 days after they ended." in page
    back = alice.post(reverse("keeping_follow", args=[studio_room.pk]), follow=True)
    assert "Weekly planning follows the rules of all rooms." in text_of(back) and not RetentionPolicy.objects.exists()
    assert alice.post(reverse("keeping_follow", args=[studio_room.pk])).status_code == 404


def test_a_room_that_is_held_is_not_let_go_by_following_the_others(cast, studio_room):
    retention.set_policy(cast.organization, studio_room, cast.alice, legal_hold=True)
    page = text_of(signed_in(cast.alice).post(reverse("keeping_follow", args=[studio_room.pk]), follow=True))
    assert "Lift the legal hold first." in page and RetentionPolicy.objects.filter(room=studio_room).exists()


def test_a_quota_that_is_reached_is_said(cast, old_and_new):
    retention.set_policy(cast.organization, None, cast.alice, quota_bytes=3 * GIGABYTE)
    page = text_of(signed_in(cast.vera).get(KEEPING))
    assert "Recording pauses while 3.0\xa0GB or more is kept." in page
    assert "The quota is reached. Recording has paused." in page


def test_an_owner_of_two_organizations_changes_the_one_that_is_asked_for(cast):
    from accounts.models import Membership, Role

    Membership.objects.create(user=cast.charlie, organization=cast.organization, role=Role.OWNER)
    charlie = signed_in(cast.charlie)
    charlie.post(f"{KEEPING}?organization={cast.organization.pk}", {"keep_days": "5", "sure": "yes"})
    assert RetentionPolicy.objects.get().organization == cast.organization
    page = text_of(charlie.get(KEEPING))
    assert f'href="?organization={cast.organization.pk}"' in page and "All rooms of charlie" in page
