"""Whether this process lives (/healthz) and whether it should be sent anyone (/readyz), for balancers."""

import logging
import tempfile
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis

logger = logging.getLogger(__name__)
ANSWER_WITHIN_SECONDS = 2  # a balancer that asks every few seconds must not queue up behind a Redis that hangs
draining = False


def begin_drain() -> None:
    """From now on this process takes nobody new: /readyz says so."""
    global draining
    draining = True


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Each thing that a request needs, by name, true where it answers; reasons go to the log, not to strangers."""
    checks = {"database": _works("database", _ask_database), "data_folder": _works("data folder", _write_data_folder)}
    if settings.REDIS_URL:
        checks["redis"] = _works("Redis", _ask_redis)
    checks["taking_connections"] = not draining
    ready = all(checks.values())
    return JsonResponse({"status": "ok" if ready else "unavailable", "checks": checks}, status=200 if ready else 503)


def _works(name: str, ask: Callable[[], None]) -> bool:
    try:
        ask()
    except Exception as error:
        # whatever is wrong with it, this process is not ready, and that is the answer
        logger.warning("not ready: the %s does not answer: %s", name, error)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def _write_data_folder() -> None:
    with tempfile.TemporaryFile(dir=settings.DATA_DIR) as file:
        file.write(b"ready")


def _ask_redis() -> None:
    patience = {"socket_timeout": ANSWER_WITHIN_SECONDS, "socket_connect_timeout": ANSWER_WITHIN_SECONDS}
    with Redis.from_url(settings.REDIS_URL, **patience) as redis:
        redis.ping()
