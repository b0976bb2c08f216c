"""A hint tells workers to look now what changed; the heartbeat would find it a second later without one."""

import asyncio
import logging
from functools import partial

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

WORKERS_GROUP = "workers"
SEND_WITHIN_S = 2.0  # a person who pressed a button waits for the database, not for a hint
LAYER_AWAY = (OSError, RuntimeError, RedisError)  # what a channel layer raises while Redis cannot be reached
logger = logging.getLogger(__name__)


def hint_after_commit() -> None:
    """Once the open transaction is through, tell every worker to re-read what it holds. For synchronous code."""
    transaction.on_commit(partial(tell_workers, {"type": "look"}))


def tell_workers(event: dict) -> None:
    """Send `event` to all workers; one that cannot be sent is only logged, because the heartbeat is the floor."""
    try:
        async_to_sync(send_in_time)(WORKERS_GROUP, event)
    except LAYER_AWAY as error:
        logger.warning("hint not sent, the heartbeat will find the change: %s", error)


async def send_in_time(group: str, event: dict) -> None:
    """Send `event` to a group of the channel layer. Raises one of LAYER_AWAY, also when Redis hangs."""
    async with asyncio.timeout(SEND_WITHIN_S):
        await get_channel_layer().group_send(group, event)
