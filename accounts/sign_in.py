"""One-time links that sign a person in: `make run` prints one, so that a newcomer needs no password."""

from django.contrib.auth import login
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import base36_to_int, urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.models import User

LINK_LIVES_SECONDS = 24 * 60 * 60


class SignInTokens(PasswordResetTokenGenerator):
    """Tokens that end with the next sign-in, with a change of password, and after a day."""

    key_salt = "leganize.accounts.sign_in"

    def check_token(self, user: User | None, token: str | None) -> bool:
        if not super().check_token(user, token):
            return False
        made_at_seconds = base36_to_int(str(token).partition("-")[0])
        return self._num_seconds(self._now()) - made_at_seconds <= LINK_LIVES_SECONDS

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        # with microseconds, unlike Django's own: a link made and used within one second of a sign-in works once too
        last_login = user.last_login.isoformat() if user.last_login else ""
        return f"{user.pk}{user.password}{last_login}{timestamp}{user.is_active}"


tokens = SignInTokens()


def make_sign_in_link(user: User) -> str:
    """Return the path that signs `user` in once, within a day."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return reverse("sign_in_by_link", args=[uid, tokens.make_token(user)])


@never_cache
@require_GET  # a HEAD, as link previews send it, must not use the link up
def enter(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Sign in whoever this link was made for, or say that it has ended."""
    with transaction.atomic():  # two clicks at once: the second waits and finds the link used
        user = _user_of(uid)
        if user and user.is_active and tokens.check_token(user, token):
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("connect")
    return render(request, "accounts/link_ended.html", status=410)


def _user_of(uid: str) -> User | None:
    try:
        pk = urlsafe_base64_decode(uid).decode()
        return User.objects.select_for_update().filter(pk=pk).first()
    except (ValueError, OverflowError, ValidationError):
        return None  # not a link of ours; the page says the same as for a used one
