"""What is missing in a recording, in words: why, and how long; `js/gaps.js` says the same afterwards."""

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.models import Reason

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def reason_in_words(reason: str, *, estimated: bool = False) -> str:
    """Say why there is no sound: "Device offline". Of an estimate nobody knows more than that it was lost."""
    if estimated:
        return _("Lost on the way, estimated")
    return str(Reason(reason).label) if reason in Reason.values else reason


def length_in_words(seconds: float) -> str:
    """Say a length in its two greatest units: "7 ms", "0.3 s", "5 min 37 s", "2 h 4 min", "6 d 3 h"."""
    if 0 < seconds < 0.1:
        return _("%(count)s ms") % {"count": max(1, round(seconds * 1000))}
    if 0 < seconds < 0.95:
        return _("%(count)s s") % {"count": localize(round(seconds, 1))}
    whole = max(0, round(seconds))
    if whole < MINUTE_S:
        return _("%(count)s s") % {"count": whole}
    if whole < HOUR_S:
        return _two(_("%(count)s min"), whole // MINUTE_S, _("%(count)s s"), whole % MINUTE_S)
    if whole < DAY_S:
        return _two(_("%(count)s h"), whole // HOUR_S, _("%(count)s min"), whole % HOUR_S // MINUTE_S)
    return _two(_("%(count)s d"), whole // DAY_S, _("%(count)s h"), whole % DAY_S // HOUR_S)


def gaps_in_words(count: int) -> str:
    """Say "3 gaps"."""
    return ngettext("%(count)s gap", "%(count)s gaps", count) % {"count": count}


def _two(greater: str, count: int, lesser: str, rest: int) -> str:
    said = greater % {"count": count}
    return f"{said} {lesser % {'count': rest}}" if rest else said
