"""What people, scanners and broken scripts put where a name belongs, and a studio that must stand it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tests.studio import Studio, studio_on

ODD = {
    "a path": "../../etc/passwd",
    "markup": "<img onerror=alert(1)>",
    "Thai letters": "ไมค์-ห้องประชุม",
    "NUL": "a\0b",
    "5000 characters": "x" * 5000,
    "5000 digits": "9" * 5000,
    "SQL": "' OR 1=1 --",
    "JSON": '{"type":1}',
    "lines": "a\r\nSet-Cookie: b=c",
    "formats": "%s%n%d{0.__class__}",
    "nothing": "",
    "a space": "a b",
    "half an emoji": "\ud83d",
    "a BOM": "\ufeffabc",
}


@contextlib.contextmanager
def besieged_studio(surroundings: Path, asgi_server: str = "serve", **settings: str) -> Iterator[Studio]:
    """Open a studio deep in a folder: nothing may be written around it, no request may end in a 5xx."""
    folder = surroundings / "one" / "two" / "three" / "var"
    with studio_on(folder, asgi_server, **settings) as studio:
        yield studio
    assert [line for line in studio.server.log.splitlines() if "Internal Server Error" in line] == []
    around = [path for path in surroundings.rglob("*") if path != folder and folder not in path.parents]
    assert around == list(reversed(folder.parents[:3]))
    signs = ("passwd", "img", "xxxx", "9999999999", "ไมค์", "OR 1", "Set-Cookie")
    assert [path.name for path in folder.rglob("*") if any(sign in path.name for sign in signs)] == []


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def as_it_is(text: str) -> bytes:
    """As a sketch pastes it into its URL."""
    return text.encode("utf-8", "surrogatepass")


def both_ways(text: str) -> list[bytes]:
    """Percent-encoded, and as it is where that leaves the request line in one piece."""
    return [encoded(text).encode()] + ([] if "\n" in text else [as_it_is(text)])
