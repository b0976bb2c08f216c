"""How a page answers a decision: 404 to strangers, 403 to viewers, and a toast that tells what was done."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import Organization
from accounts.tenancy import may_operate


def require_operator(request: HttpRequest, organization: Organization) -> None:
    """Refuse who may see things of `organization` but not change them."""
    if not may_operate(request.user, organization):
        raise PermissionDenied


def way_back(request: HttpRequest, otherwise: str, *args: Any) -> str:
    """Return where the form says it came from, if that is a page of ours."""
    url = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return url if safe and url.startswith("/") else resolve_url(otherwise, *args)


def decide(request: HttpRequest, operation: Callable[[], Any], done: str, back: str) -> HttpResponse:
    """Run `operation`, tell `done` or the sentence of its ValueError, and go `back`."""
    try:
        operation()
    except ValueError as error:
        messages.error(request, str(error))
    else:
        if done:
            messages.success(request, done)
    return redirect(back)
