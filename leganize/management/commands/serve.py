"""`manage.py serve`: the production server, one worker."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from leganize.serve import serve


class Command(BaseCommand):
    """Serve pages, API and sockets until SIGTERM or Ctrl-C."""

    help = "Serve pages, API and sockets with uvicorn. HOST, PORT and DEMO are read from the environment."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        serve(host, port)
