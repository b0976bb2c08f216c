"""A hint tells workers to look now what changed; the heartbeat would find it a second later without one."""

import logging
from functools import partial

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

WORKERS_GROUP = "workers"
logger = logging.getLogger(__name__)


def hint_after_commit() -> None:
    """Once the open transaction is through, tell every worker to re-read what it holds. For synchronous code."""
    transaction.on_commit(partial(tell_workers, {"type": "look"}))


def tell_workers(event: dict) -> None:
    """Send `event` to all workers; one that cannot be sent is only logged, because the heartbeat is the floor."""
    try:
        async_to_sync(get_channel_layer().group_send)(WORKERS_GROUP, event)
    except (OSError, RuntimeError) as error:
        logger.warning("hint not sent, the heartbeat will find the change: %s", error)
