"""The settings of an installation whose database takes its time: every query waits before it is asked."""

import os
import time
from typing import Any

from django.db.backends.signals import connection_created

from leganize.settings import *  # noqa: F403

QUERY_DELAY_S = float(os.environ.get("QUERY_DELAY_MS", "100")) / 1000


def _wait(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    time.sleep(QUERY_DELAY_S)
    return execute(sql, params, many, context)


def _slow_down(connection: Any, **_signal: Any) -> None:
    connection.execute_wrappers.append(_wait)


connection_created.connect(_slow_down, weak=False, dispatch_uid="a slow database")
