"""`manage.py runserver`: Daphne for development, without its habit of closing every socket after a day."""

from functools import partial

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.server import Server


class Command(DaphneCommand):
    """Daphne's own command with -1 as its `websocket_timeout`: a microphone may run for weeks."""

    server_cls = partial(Server, websocket_timeout=-1)
