"""The process beside a worker that makes files, so that no encoder ever takes the worker's time."""

import logging
import subprocess
import sys
import time

from django.conf import settings

from recordings.exporting.exports import is_work_waiting

logger = logging.getLogger(__name__)

AGAIN_AFTER_FAILURE_S = 10.0  # a process that cannot even start is not started every second
ENDS_WITHIN_S = 3.0


class ExportChild:
    """At most one process at a time. `tend` is called by each heartbeat, on its thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before_s = 0.0

    def tend(self) -> None:
        """Start the process when there is something to make and it does not run. Raises DatabaseError."""
        if self.is_running or time.monotonic() < self._not_before_s or not is_work_waiting():
            return
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "make_exports"]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own command
        except OSError as error:
            logger.error("no process can be started to make files: %s", error)
            self._not_before_s = time.monotonic() + AGAIN_AFTER_FAILURE_S

    @property
    def is_running(self) -> bool:
        """Whether the process is there now."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        if code:
            logger.warning("the process that makes files ended with %d", code)
            self._not_before_s = time.monotonic() + AGAIN_AFTER_FAILURE_S
        self._process = None
        return False

    def stop(self) -> None:
        """End the process; what it was making waits for the next one."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


child = ExportChild()
tend, stop = child.tend, child.stop
