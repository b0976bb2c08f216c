"""Files that a browser fetches with its session and a program with its API key, both under one address."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request

View = Callable[..., HttpResponseBase]


def by_session_or_key(view: View) -> View:
    """Let who is signed in to `view`, or who shows a key that may read; it finds either as `request.user`."""
    by_session = login_required(view)

    @extend_schema(exclude=True)
    @api_view(["GET", "HEAD"])
    def by_key(request: Request, **named: Any) -> HttpResponseBase:
        return view(request._request, **named)  # who was authenticated is its user too

    @require_safe
    @wraps(view)
    def door(request: HttpRequest, **named: Any) -> HttpResponseBase:
        return (by_key if request.headers.get("Authorization") else by_session)(request, **named)

    return door
