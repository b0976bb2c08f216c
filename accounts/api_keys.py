"""API keys: who holds one acts as its user, by `Authorization: Bearer KEY` alone."""

import re
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import permissions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from accounts.models import ApiKey, User
from accounts.secrets import API_KEY, make_secret, matches, read_secret

READ, CONTROL = "read", "control"
SCOPES = (READ, CONTROL)
USE_IS_NOTED_EVERY = timedelta(minutes=1)  # "last used" is for people; a write for each request would be for nobody
_KEY = re.compile(rf"{API_KEY}[A-Za-z0-9_-]{{40}}")  # anything else never reaches the database


def make_api_key(user: User, name: str = "", scopes: Iterable[str] = SCOPES) -> tuple[ApiKey, str]:
    """Give `user` a new key; its text is returned this once and kept nowhere."""
    wanted = set(scopes)
    if not wanted or not wanted <= set(SCOPES):
        raise ValueError(_("A key's scopes are one or both of: %(scopes)s.") % {"scopes": ", ".join(SCOPES)})
    secret = make_secret(API_KEY)
    in_order = " ".join(scope for scope in SCOPES if scope in wanted)
    named = name.strip() or f"{timezone.now():%Y-%m-%d %H:%M}"  # a list of keys needs something to tell them by
    key = ApiKey.objects.create(user=user, name=named, scopes=in_order, lookup=secret.lookup, digest=secret.digest)
    return key, secret.text


def revoke_api_key(key: ApiKey) -> None:
    """End a key: the next request with it is refused."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


def find_api_key(text: str) -> ApiKey | None:
    """Return the living key of an active user whose text this is."""
    if not _KEY.fullmatch(text):
        return None
    secret = read_secret(text)
    living = ApiKey.objects.filter(lookup=secret.lookup, revoked_at=None, user__is_active=True)
    for key in living.select_related("user"):
        if matches(secret, key.digest):
            return key
    return None


class ApiKeyAuthentication(BaseAuthentication):
    """The door for keys: who comes by key needs no CSRF token, and may change nothing without the scope for it."""

    def authenticate(self, request: HttpRequest) -> tuple[User, ApiKey] | None:
        scheme, _space, text = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        key = find_api_key(text.strip().decode("ascii", "replace"))
        if key is None:
            raise AuthenticationFailed(_("This API key is unknown or revoked."))
        needed = READ if request.method in permissions.SAFE_METHODS else CONTROL
        if needed not in key.scopes.split():
            raise PermissionDenied(_("This API key lacks the scope “%(scope)s”.") % {"scope": needed})
        _note_use(key)
        return key.user, key

    def authenticate_header(self, request: HttpRequest) -> str:
        return 'Bearer realm="leganize"'


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_IS_NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)  # of many at once, one writes
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
