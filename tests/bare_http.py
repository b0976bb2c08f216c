"""HTTP by its bytes, for request lines that no client library would send."""

import asyncio
import contextlib

from tests.installation import Installation
from tests.visitors import PATIENCE_S


async def request(
    server: Installation, method: str, target: bytes, *, headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[int, bytes]:
    """Return status and body; status 0 when the server hung up without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    given = {"Host": f"127.0.0.1:{server.port}", "Connection": "close", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}".encode() for name, value in {**given, **(headers or {})}.items()]
    writer.write(b"\r\n".join([method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", body]))
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
    except ConnectionError:
        answer = b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _blank, content = answer.partition(b"\r\n\r\n")
    return (int(head.split(b" ")[1]) if head.startswith(b"HTTP/") else 0), content
