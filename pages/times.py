"""Times and lengths as the server first writes them; `js/times.js` puts them into the viewer's zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

FORMS = {"clock": "%H:%M:%S", "day": "%Y-%m-%d", "both": "%Y-%m-%d %H:%M"}
NOW_S = 2  # what was heard within it is heard now


def moment(at: datetime | None, show: str = "time") -> SafeString:
    """Return a <time>, in UTC until a module tells the viewer's own. `show`: time, hour, clock, day, both, ago."""
    if not at:  # None, or the empty row from which the page makes new ones
        return SafeString("")
    at_utc = at.astimezone(UTC)
    if show == "ago":
        words = ago(at)
    elif show == "day":
        words = at_utc.strftime(FORMS[show])
    else:
        words = f"{at_utc.strftime(FORMS.get(show, '%H:%M'))} UTC"
    stamp = at_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<time datetime="{}" data-show="{}">{}</time>', stamp, show, words)


def ago(at: datetime) -> str:
    """Say how long ago `at` was: "now", "4 s ago", "36 min ago"."""
    seconds = (timezone.now() - at).total_seconds()
    return _("now") if seconds < NOW_S else _("%(length)s ago") % {"length": lasting(seconds)}


def lasting(seconds: float) -> str:
    """Say a length in one word, for sentences: "12 s", "3 min", "2 h", "5 d"."""
    whole = max(0, int(seconds))
    if whole < 60:
        return _("%(count)s s") % {"count": whole}
    if whole < 3600:
        return _("%(count)s min") % {"count": whole // 60}
    if whole < 86400:
        return _("%(count)s h") % {"count": whole // 3600}
    return _("%(count)s d") % {"count": whole // 86400}


def stopwatch(seconds: float) -> str:
    """Say how long something runs: 31:50 or 1:04:09."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def viewers_zone(request: HttpRequest) -> ZoneInfo:
    """Return the zone that `js/times.js` left in a cookie, by which days are told apart; UTC on the first visit."""
    try:
        return ZoneInfo(request.COOKIES.get("zone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # an edited cookie: not a name of a zone
        return ZoneInfo("UTC")
