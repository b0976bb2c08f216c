"""A moment of a recording as a request names it: seconds by the clock from its start."""

import math
from collections.abc import Mapping

from django.utils.translation import gettext as _

MAX_SECONDS = 10**9  # 30 years: what is asked beyond it is no time of a recording


def seconds_in(said: Mapping[str, str], name: str, default: float) -> float:
    """Return what `said` has under `name`, at most `MAX_SECONDS`. Raises ValueError with a sentence."""
    text = said.get(name)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise ValueError(_("“%(name)s” is a number of seconds from the start, 0 or more.") % {"name": name})
    return min(seconds, float(MAX_SECONDS))


def stretch_in(said: Mapping[str, str], end: float) -> tuple[float, float]:
    """Return `from` and `to`, by default 0 and `end`. Raises ValueError with a sentence."""
    from_s, to_s = seconds_in(said, "from", 0.0), seconds_in(said, "to", end)
    if "to" in said and from_s > to_s:
        raise ValueError(_("“from” lies after “to”."))
    return from_s, to_s
