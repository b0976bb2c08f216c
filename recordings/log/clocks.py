"""The clocks of a recording: one that never steps for durations, and the world's for the moment it began."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _boot() -> str:
    with suppress(OSError):
        return BOOT_ID.read_text().strip()
    return ""  # no Linux: what another process measured cannot be compared, the world's clock must do


@dataclass(frozen=True, slots=True)
class Clocks:
    """`steady_us` counts µs since `boot` and is the same for all processes of this boot; `world_us` since 1970."""

    steady_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000
    world_us: Callable[[], int] = lambda: time.time_ns() // 1000
    boot: str = _boot()

    def anchor_us(self) -> int:
        """Return what must be added to the steady clock to tell the world's time as it is believed now."""
        return self.world_us() - self.steady_us()
