"""People, their keys and the links that sign them in."""

import hashlib
import io
import re
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.api_keys import make_api_key, revoke_api_key
from accounts.demo import ensure_demo_user
from accounts.models import ApiKey, Role, User
from accounts.sign_in import make_sign_in_link, tokens

ROOMS = "/api/v1/rooms/"


def with_key(text: str) -> APIClient:
    """A program that holds a key and no cookie; it refuses nothing on its own, so the server must."""
    client = APIClient(enforce_csrf_checks=True)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def test_every_new_user_owns_an_organization(db):
    made = [User.objects.create_user("dora"), User.objects.create_superuser("root", password="root has a password")]
    for user in made:
        membership = user.memberships.get()
        assert (membership.role, membership.organization.name) == (Role.OWNER, user.username)


def test_saving_a_user_again_makes_no_second_organization(db):
    user = User.objects.create_user("dora")
    user.first_name = "Dora"
    user.save()
    assert user.memberships.count() == 1


def test_the_demo_user_is_made_once_and_has_no_password(db):
    first, second = ensure_demo_user(), ensure_demo_user()
    assert first.pk == second.pk
    assert not first.has_usable_password()
    assert first.home_organization().name == "Demo studio"


class TestApiKeys:
    def test_a_key_opens_the_api_as_its_user(self, cast, studio_room):
        _key, text = make_api_key(cast.alice, "dashboard")
        answer = with_key(text).get(ROOMS)
        assert [room["name"] for room in answer.json()["results"]] == ["Weekly planning"]

    def test_a_key_needs_no_csrf_token(self, cast):
        _key, text = make_api_key(cast.alice)
        assert with_key(text).post(ROOMS, {"name": "Made by a program"}, format="json").status_code == 201

    def test_the_database_keeps_no_key(self, cast):
        key, text = make_api_key(cast.alice)
        kept = " ".join(str(value) for value in ApiKey.objects.values_list().get(pk=key.pk))
        assert text not in kept
        assert hashlib.sha256(text.encode()).hexdigest() not in kept

    def test_a_revoked_key_is_refused_with_a_challenge(self, cast):
        key, text = make_api_key(cast.alice)
        revoke_api_key(key)
        answer = with_key(text).get(ROOMS)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="leganize"')

    def test_the_key_of_an_inactive_user_is_refused(self, cast):
        _key, text = make_api_key(cast.alice)
        User.objects.filter(pk=cast.alice.pk).update(is_active=False)
        assert with_key(text).get(ROOMS).status_code == 401

    @pytest.mark.parametrize(
        "wrong", ["", "lgk_", "lgk_" + "a" * 40, "ไทย", "' OR 1=1 --", "\x00", "x" * 5000, "../../etc/passwd"]
    )
    def test_a_wrong_key_is_401_whatever_it_is(self, cast, wrong):
        assert with_key(wrong.encode().decode("latin-1")).get(ROOMS).status_code == 401

    def test_a_wrong_key_does_not_fall_back_to_the_cookie(self, cast):
        client = with_key("lgk_" + "a" * 40)
        client.force_login(cast.alice)
        assert client.get(ROOMS).status_code == 401

    @pytest.mark.parametrize("query", ["key", "token", "api_key", "accessToken", "Authorization"])
    def test_a_key_in_the_url_opens_nothing(self, cast, query):
        _key, text = make_api_key(cast.alice)
        assert Client().get(ROOMS, {query: text}).status_code == 401

    def test_a_key_without_control_reads_and_changes_nothing(self, cast, studio_room):
        _key, text = make_api_key(cast.alice, scopes=["read"])
        client = with_key(text)
        assert client.get(ROOMS).status_code == 200
        refused = client.post(f"{ROOMS}{studio_room.pk}/end")
        assert (refused.status_code, "control" in refused.json()["detail"]) == (403, True)
        studio_room.refresh_from_db()
        assert studio_room.is_active

    def test_a_key_without_control_cannot_use_the_calls_of_protocol_v1_either(self, cast, studio_room):
        _key, text = make_api_key(cast.alice, scopes=["read"])
        assert with_key(text).post(f"/api/room/{studio_room.pk}/end").status_code == 403

    def test_a_key_without_read_sees_nothing(self, cast):
        _key, text = make_api_key(cast.alice, scopes=["control"])
        assert with_key(text).get(ROOMS).status_code == 403

    def test_unknown_scopes_make_no_key(self, cast):
        for scopes in (["admin"], []):
            with pytest.raises(ValueError, match="read, control"):
                make_api_key(cast.alice, scopes=scopes)
        assert not ApiKey.objects.exists()

    def test_use_is_noted_at_most_once_a_minute(self, cast, django_assert_num_queries):
        key, text = make_api_key(cast.alice)
        with_key(text).get(ROOMS)
        key.refresh_from_db()
        noted = key.last_used_at
        assert noted is not None
        with_key(text).get(ROOMS)
        key.refresh_from_db()
        assert key.last_used_at == noted
        ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
        with_key(text).get(ROOMS)
        key.refresh_from_db()
        assert key.last_used_at > noted


class TestCreateApiKey:
    def test_it_prints_the_key_and_nothing_else(self, cast):
        out = io.StringIO()
        call_command("create_api_key", "alice", stdout=out)
        text = out.getvalue()
        assert re.fullmatch(r"lgk_[A-Za-z0-9_-]{40}\n", text)
        assert with_key(text.strip()).get(ROOMS).status_code == 200

    def test_it_takes_a_name_and_scopes(self, cast):
        call_command("create_api_key", "alice", "--name", "wall display", "--scopes", "read", stdout=io.StringIO())
        key = ApiKey.objects.get()
        assert (key.user, key.name, key.scopes) == (cast.alice, "wall display", "read")

    def test_an_unknown_user_is_told_in_a_sentence(self, db):
        with pytest.raises(CommandError, match="no user named 'nobody'"):
            call_command("create_api_key", "nobody")


class TestSignInLinks:
    def test_a_link_signs_in_and_leads_to_connect(self, cast):
        client = Client()
        answer = client.get(make_sign_in_link(cast.alice))
        assert (answer.status_code, answer["Location"]) == (302, "/connect")
        assert client.session["_auth_user_id"] == str(cast.alice.pk)

    def test_a_link_works_once(self, cast):
        link = make_sign_in_link(cast.alice)
        Client().get(link)
        second = Client()
        answer = second.get(link)
        assert answer.status_code == 410
        assert "This link has ended." in answer.content.decode()
        assert "_auth_user_id" not in second.session

    def test_two_links_of_one_second_end_with_the_first_sign_in(self, cast):
        links = [make_sign_in_link(cast.alice), make_sign_in_link(cast.alice)]
        assert [Client().get(link).status_code for link in links] == [302, 410]

    def test_a_link_made_right_after_a_sign_in_works_once_too(self, cast):
        Client().get(make_sign_in_link(cast.alice))
        cast.alice.refresh_from_db()
        link = make_sign_in_link(cast.alice)
        assert [Client().get(link).status_code for _try in range(2)] == [302, 410]

    def test_a_look_at_the_link_does_not_use_it_up(self, cast):
        link = make_sign_in_link(cast.alice)
        assert Client().head(link).status_code == 405
        assert Client().get(link).status_code == 302

    def test_a_link_lives_a_day(self, cast, monkeypatch):
        link = make_sign_in_link(cast.alice)
        monkeypatch.setattr(type(tokens), "_now", lambda self: datetime.now() + timedelta(hours=24, seconds=2))
        assert Client().get(link).status_code == 410

    def test_a_link_of_an_inactive_user_has_ended(self, cast):
        link = make_sign_in_link(cast.alice)
        User.objects.filter(pk=cast.alice.pk).update(is_active=False)
        assert Client().get(link).status_code == 410

    @pytest.mark.parametrize(
        "uid", ["MQ", "x", "%00", "%E0%B9%84%E0%B8%97%E0%B8%A2", "A" * 5000, "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"]
    )
    @pytest.mark.parametrize("token", ["x", "c-c", "%3Cimg%20onerror%3E", "z" * 5000])
    def test_a_made_up_link_is_an_ended_one(self, db, uid, token):
        assert Client().get(f"/accounts/enter/{uid}/{token}/").status_code == 410


class TestPasswords:
    def test_sign_in_and_out_by_password(self, cast):
        client = Client()
        form = {"username": "alice", "password": "alice keeps a long password"}
        assert client.post("/accounts/login/", form).status_code == 302
        assert client.session["_auth_user_id"] == str(cast.alice.pk)
        assert client.post("/accounts/logout/").status_code == 302
        assert "_auth_user_id" not in client.session

    def test_a_wrong_password_opens_nothing(self, cast):
        client = Client()
        assert client.post("/accounts/login/", {"username": "alice", "password": "a guess"}).status_code == 200
        assert "_auth_user_id" not in client.session

    def test_signing_out_is_never_a_get(self, cast):
        client = Client()
        client.force_login(cast.alice)
        assert client.get("/accounts/logout/").status_code == 405

    def test_sign_in_leads_nowhere_else(self, cast):
        form = {"username": "alice", "password": "alice keeps a long password", "next": "https://elsewhere.example/"}
        assert "elsewhere" not in Client().post("/accounts/login/", form)["Location"]

    def test_changing_the_password_needs_the_old_one(self, cast):
        client = Client()
        client.force_login(cast.alice)
        form = {"new_password1": "a longer new sentence", "new_password2": "a longer new sentence"}
        assert client.post("/accounts/password/", {"old_password": "a guess", **form}).status_code == 200
        changed = client.post("/accounts/password/", {"old_password": "alice keeps a long password", **form})
        assert changed.status_code == 302
        cast.alice.refresh_from_db()
        assert cast.alice.check_password("a longer new sentence")

    def test_who_came_by_link_sets_a_first_password(self, db):
        demo = ensure_demo_user()
        client = Client()
        client.get(make_sign_in_link(demo))
        form = {"new_password1": "a longer new sentence", "new_password2": "a longer new sentence"}
        assert client.post("/accounts/password/", form).status_code == 302
        demo.refresh_from_db()
        assert demo.check_password("a longer new sentence")
