"""The server: uvicorn with our WebSocket, what it prints for a newcomer, and an orderly end."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import CommandError

from accounts.demo import ensure_demo_user
from accounts.sign_in import make_sign_in_link
from leganize import health
from leganize.transports import SketchFriendlyProtocol
from recordings.log.recorder import recorder

PING_EVERY_S, PONG_WITHIN_S = 20, 20


class Server(uvicorn.Server):
    """Says so once it takes connections, and begins to drain before any socket is closed."""

    announcement = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.announcement:
            print(self.announcement, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        health.begin_drain()
        recorder.drain()
        await super().shutdown(sockets)


def serve(host: str, port: int) -> None:
    """Serve until told to stop. Raises CommandError when the port is taken."""
    listening = _listen(host, port)
    server = Server(_config(host, port))
    server.announcement = _announcement(port)
    fleet = _demo_fleet(port) if settings.DEMO else contextlib.nullcontext()
    with fleet, contextlib.suppress(KeyboardInterrupt):  # uvicorn ends in order, and then passes Ctrl-C on
        server.run(sockets=[listening])


def _config(host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        "leganize.asgi:application",
        host=host,
        port=port,
        ws=SketchFriendlyProtocol,
        ws_max_size=settings.MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # sound does not compress, and every frame would be built per viewer
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_WITHIN_S,
        proxy_headers=bool(settings.TRUSTED_PROXIES),
        forwarded_allow_ips=[str(network) for network in settings.TRUSTED_PROXIES],
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise CommandError(
            f"port {port} on {host} cannot be used: {error.strerror}. Choose another: PORT=3001"
        ) from error
    listening.set_inheritable(True)
    return listening


def _announcement(port: int) -> str:
    """Return what a newcomer cannot miss: where to click, and what to put into a sketch."""
    here = f"http://localhost:{port}"
    lines = ["", "=" * 78, "  Leganize is running.", ""]
    if settings.EMBEDDED or settings.DEMO:
        link = make_sign_in_link(ensure_demo_user())
        lines += ["  Open this link to sign in (it works once):", "", f"    {here}{link}", ""]
    else:
        lines += [f"    {here}/", "", "  Make the first account with: .venv/bin/python manage.py createsuperuser", ""]
    if settings.LAN_ADDRESSES:
        lines += ["  In a sketch, and for other machines of this network:", ""]
        lines += [f'    wsHost = "{address}"   wsPort = {port}   (plain ws://)' for address in settings.LAN_ADDRESSES]
    else:
        lines += ["  Only this machine can reach it. For devices on your network: HOST=0.0.0.0 make run"]
    return "\n".join([*lines, "", "  Stop with Ctrl-C.", "=" * 78, ""])


@contextlib.contextmanager
def _demo_fleet(port: int) -> Iterator[None]:
    """Run the simulated microphone beside the server, over a real socket, until the server ends."""
    command = [
        sys.executable, str(settings.BASE_DIR / "manage.py"), "simulate_device", "--count", "1",
        "--device-id", "esp32-demo-01", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    fleet: subprocess.Popen[Any] = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        yield
    finally:
        fleet.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            fleet.wait(timeout=5)
