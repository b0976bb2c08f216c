"""The settings of an installation whose wall clock is set forward or back as a file says, as by a wrong time server."""

import os
import time
from pathlib import Path

from leganize.settings import *  # noqa: F403

_STEP = Path(os.environ["CLOCK_STEP_FILE"])
_time_ns = time.time_ns


def _stepped_ns() -> int:
    return _time_ns() + int(_STEP.read_text() or 0) * 1_000_000_000


time.time_ns = _stepped_ns
time.time = lambda: _stepped_ns() / 1e9
