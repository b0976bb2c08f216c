"""What a full disk refuses is answered in words, and who comes to make room finds room for that."""

import errno
import sqlite3

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from recordings.keeping import ballast

_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS", "TRACE")
_POSTGRESQL_DISK_FULL = "53100"
_SQLITE_PRIMARY = 0xFF  # of an extended error code


class FullDisk(MiddlewareMixin):
    """Give the ballast up before a decision on a full disk, and answer 409 where something still did not fit."""

    def process_request(self, request: HttpRequest) -> None:
        if request.method not in _CHANGES_NOTHING:
            ballast.give_up_when_full()

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return answer(request) if says_full(exception) else None


def says_full(error: BaseException | None) -> bool:
    """Tell whether the database or the kernel refused something because a disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if getattr(error, "sqlstate", None) == _POSTGRESQL_DISK_FULL:
            return True
        if isinstance(error, sqlite3.Error) and _is_full_for_sqlite(error):
            return True
        error = error.__cause__
    return False


def answer(request: HttpRequest) -> HttpResponse:
    """Say 409 with the next step, as JSON to programs and as a page to people, and make room for that step."""
    ballast.give_up()
    session = getattr(request, "session", None)
    if session is not None:
        session.modified = False  # it would be saved with the answer, and that could not be written either
    if request.path.startswith("/api/") or "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"detail": _("The disk is full. Free some space, then try again.")}, status=409)
    return render(request, "409.html", status=409)


def _is_full_for_sqlite(error: sqlite3.Error) -> bool:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & _SQLITE_PRIMARY
    return code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and ballast.is_disk_full())
