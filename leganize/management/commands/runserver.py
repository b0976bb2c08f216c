"""`manage.py runserver`: Daphne for development, without its habit of closing every socket after a day."""

from functools import partial
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.server import Server


class OutspokenServer(Server):
    """Says in a close why it ends a socket, as uvicorn does, where Daphne would just drop the connection."""

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self.ws_factory.setProtocolOptions(failByDrop=False, allowNullOrigin=True)  # sketches say `Origin: file://`


class Command(DaphneCommand):
    """Daphne's own command with -1 as its `websocket_timeout`: a microphone may run for weeks."""

    server_cls = partial(OutspokenServer, websocket_timeout=-1)
