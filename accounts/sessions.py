"""Whose browser a session cookie is, for many sockets in one look."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User


def users_of(session_keys: Iterable[str]) -> dict[str, User]:
    """Return the active user of each session that still stands; a changed password or a sign-out ends it."""
    sessions = Session.objects.filter(pk__in=set(session_keys), expire_date__gt=timezone.now())
    contents = {session.pk: session.get_decoded() for session in sessions}
    ids = {str(content.get(SESSION_KEY)) for content in contents.values() if str(content.get(SESSION_KEY)).isdigit()}
    users = {str(user.pk): user for user in User.objects.filter(pk__in=ids, is_active=True)}
    found = {}
    for key, content in contents.items():
        user = users.get(str(content.get(SESSION_KEY)))
        if user and constant_time_compare(content.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            found[key] = user
    return found


def session_key(cookies: str) -> str | None:
    """Return the session key in a Cookie header, or None."""
    for part in cookies.split(";"):
        name, _, value = part.strip().partition("=")
        if name == settings.SESSION_COOKIE_NAME and value.isalnum() and len(value) <= 40:
            return value
    return None
