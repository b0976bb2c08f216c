"""Exports over REST: asked for, watched, cancelled and fetched, by whom, and what makes no sense."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.api_keys import make_api_key
from devices.models import Device
from recordings.exporting import exports, making
from recordings.exporting.exports import ask
from recordings.exporting.making import make
from recordings.models import Export
from rooms.models import Room
from tests.exporting import (  # noqa: F401 - fixtures
    keep_apart,
    keep_piano,
    keep_table,
    leftovers,
    made,
)
from tests.kept import empty_recording
from tests.test_api import signed_in
from tests.test_playback import body_of

State = Export.State
API = "/api/v1/exports/"
pytestmark = pytest.mark.django_db(transaction=True)  # files go at a commit, and are sent by threads


class TestApi:
    def test_a_file_is_asked_for_watched_and_fetched(self, cast, kept):
        vera = signed_in(cast.vera)
        asked = vera.post(API, {"recordings": [str(kept.pk)], "format": "flac"})
        assert asked.status_code == 201
        told = asked.json()
        assert (told["state"], told["progress"], told["seconds_left"], told["file"]) == ("waiting", 0.0, None, None)
        assert (told["recordings"], told["format"], told["gaps"], told["zipped"]) == (
            [str(kept.pk)], "flac", "silence", False,
        )  # fmt: skip
        Export.objects.update(
            state=State.RUNNING, progress=0.25, started_at=timezone.now() - timedelta(seconds=10), tries=1
        )
        told = vera.get(f"{API}{told['id']}/").json()
        assert told["seconds_left"] == pytest.approx(30, abs=1)
        make(Export.objects.get())
        told = vera.get(f"{API}{told['id']}/").json()
        assert (told["state"], told["progress"], told["file"]) == ("done", 1.0, f"/recordings/exports/{told['id']}/")
        assert vera.get(API).json()["results"] == [told]

    def test_a_room_is_asked_for_by_time(self, cast, kept, piano):
        wish = {"room": str(kept.room_id), "from": kept.started_at.isoformat(), "to": piano.started_at.isoformat()}
        told = signed_in(cast.vera).post(API, wish).json()
        assert (told["zipped"], told["recordings"]) == (True, [str(kept.pk)])
        everything = signed_in(cast.vera).post(API, {"room": str(kept.room_id), "to": None}).json()
        assert len(everything["recordings"]) == 2

    @pytest.mark.parametrize(
        "wish",
        [{}, {"recordings": []}, {"recordings": ["x"]}, {"recordings": "x"}, {"room": None}, {"format": "aac"},
         {"gaps": "both"}, {"from": "yesterday"}, {"from": 1.5}, {"from": "nan"}, {"to": "9999-99-99"},
         {"zipped": "perhaps"},
         {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, {"to": "1970-01-01T00:00:00Z"},
         {"from": "9999-12-31T23:59:59Z"}, {"colour": "red"}, {"room": "00000000-0000-0000-0000-000000000000"}],
    )  # fmt: skip
    def test_a_wish_that_makes_no_sense_is_refused(self, cast, kept, wish):
        body = {"recordings": [str(kept.pk)], **wish} if wish else {}
        answer = signed_in(cast.vera).post(API, body)
        assert (answer.status_code, isinstance(answer.json()["detail"], str)) == (400, True)
        assert not Export.objects.exists()

    def test_what_is_not_ones_own_is_not_there(self, cast, kept):
        charlie = signed_in(cast.charlie)
        for wish in ({"recordings": [str(kept.pk)]}, {"room": str(kept.room_id)}):
            assert charlie.post(API, wish).status_code == 404
        export = ask(cast.vera, [kept])
        made(export)
        for ask_for in (charlie.get, charlie.delete):
            assert ask_for(f"{API}{export.pk}/").status_code == 404
        assert charlie.get(reverse("export_file", args=[export.pk])).status_code == 404
        assert charlie.get(API).json()["results"] == []
        assert Export.objects.get().state == State.DONE

    def test_one_of_ones_own_among_a_strangers_is_refused_as_a_whole(self, cast, kept):
        theirs = Room.objects.create(organization=cast.charlie.home_organization(), name="Charlie's")
        own = empty_recording(Device.objects.create(organization=theirs.organization, device_id="c", room=theirs))
        answer = signed_in(cast.charlie).post(API, {"recordings": [str(own.pk), str(kept.pk)]})
        assert (answer.status_code, Export.objects.count()) == (404, 0)

    def test_too_many_are_told_to_wait(self, cast, kept, monkeypatch):
        monkeypatch.setattr(exports, "MAX_UNDER_WAY", 1)
        vera = signed_in(cast.vera)
        statuses = [vera.post(API, {"recordings": [str(kept.pk)]}).status_code for _number in range(2)]
        assert statuses == [201, 429]

    def test_cancelling_is_for_who_asked_and_for_operators(self, cast, kept):
        of_alice, of_vera = ask(cast.alice, [kept]), ask(cast.vera, [kept])
        vera, bob = signed_in(cast.vera), signed_in(cast.bob)
        assert vera.delete(f"{API}{of_alice.pk}/").status_code == 403
        assert vera.delete(f"{API}{of_vera.pk}/").status_code == 204
        assert bob.delete(f"{API}{of_alice.pk}/").status_code == 204
        assert set(Export.objects.values_list("state", flat=True)) == {State.CANCELLED}

    def test_what_is_done_is_removed(self, cast, kept):
        export = ask(cast.vera, [kept])
        made(export)
        assert signed_in(cast.vera).delete(f"{API}{export.pk}/").status_code == 204
        assert leftovers() == []
        assert signed_in(cast.vera).get(reverse("export_file", args=[export.pk])).status_code == 404

    def test_why_it_failed_is_told_in_the_readers_language(self, cast, kept):
        Export.objects.filter(pk=ask(cast.vera, [kept]).pk).update(state=State.FAILED, error=making.NO_ROOM)
        vera = signed_in(cast.vera)
        assert vera.get(API).json()["results"][0]["error"].startswith("The disk has no room")
        assert vera.get(API, HTTP_ACCEPT_LANGUAGE="ru").json()["results"][0]["error"].startswith("На диске")

    def test_a_list_costs_a_few_queries(self, cast, kept, piano, django_assert_max_num_queries):
        for _number in range(9):
            ask(cast.vera, [kept, piano])
        vera = signed_in(cast.vera)
        with django_assert_max_num_queries(6):
            assert len(vera.get(API).json()["results"]) == 9


class TestDownload:
    def test_the_file_is_sent_in_whole_and_in_parts(self, cast, kept, piano):
        export = ask(cast.vera, [kept, piano])
        content = made(export).read_bytes()
        vera = Client()
        vera.force_login(cast.vera)
        url = reverse("export_file", args=[export.pk])
        whole = vera.get(url)
        assert (whole["Content-Type"], int(whole["Content-Length"])) == ("application/zip", len(content))
        assert whole["Content-Disposition"] == f'attachment; filename="{export.file_name}"'
        assert body_of(whole) == content
        part = vera.get(url, headers={"Range": "bytes=1000-"})
        assert (part.status_code, body_of(part)) == (206, content[1000:])
        assert body_of(vera.get(url, headers={"Range": f"bytes=-{2**40}"})) == content
        assert vera.head(url)["Content-Length"] == str(len(content))

    def test_an_api_key_fetches_it_too(self, cast, kept):
        export = ask(cast.vera, [kept])
        made(export)
        url = reverse("export_file", args=[export.pk])
        for user, status in ((cast.bob, 200), (cast.charlie, 404)):
            assert Client().get(url, headers={"Authorization": f"Bearer {make_api_key(user)[1]}"}).status_code == status
        assert Client().get(url).status_code == 302

    def test_what_is_not_made_yet_or_lost_is_not_there(self, cast, kept):
        export = ask(cast.vera, [kept])
        vera = signed_in(cast.vera)
        assert vera.get(reverse("export_file", args=[export.pk])).status_code == 404
        made(export).unlink()
        assert vera.get(reverse("export_file", args=[export.pk])).status_code == 404
