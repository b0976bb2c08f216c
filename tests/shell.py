"""The administrator's shell beside a running server: what it saves, nobody tells the server."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from tests.installation import Installation

_LOOP = """
import json, sys, traceback
for line in sys.stdin:
    asked = json.loads(line)
    names = {**globals(), **asked["values"]}
    try:
        exec(asked["code"], names)
        said = {"answer": names.get("answer")}
    except Exception:
        said = {"failed": traceback.format_exc()}
    print(json.dumps(said, default=str), flush=True)
"""


class Shell:
    """One `manage.py shell` that stays open, because a new one takes longer than most of what is tested."""

    def __init__(self, server: Installation) -> None:
        self._server = server

    def __enter__(self) -> Self:
        self._process = self._server.open_command("shell", "--verbosity", "0", "--command", _LOOP)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def run(self, code: str, **values: Any) -> Any:
        """Run `code`, which sees all models and `values`, and return what it called `answer`."""
        self._process.stdin.write(json.dumps({"code": code, "values": values}) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        assert "answer" in said, said["failed"]
        return said["answer"]

    async def does(self, code: str, **values: Any) -> Any:
        """Run `code` while sockets go on being read."""
        return await asyncio.to_thread(self.run, code, **values)
