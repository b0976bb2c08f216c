"""How a template draws an icon, a state and a time."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a symbol of `icons/sprite.svg`; the words beside it say what it means."""
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true" focusable="false"><use href="#icon-{}"/></svg>', name
    )


@register.simple_tag
def moment(at: datetime | None, show: str = "time") -> SafeString:
    """Tell a time in UTC; `js/times.js` puts it into the viewer's zone. `show`: time, clock, day, both or ago."""
    if at is None:
        return SafeString("")
    at_utc = at.astimezone(timezone.get_fixed_timezone(0))
    form = {"clock": "%H:%M:%S", "day": "%Y-%m-%d", "both": "%Y-%m-%d %H:%M"}.get(show, "%H:%M")
    zone = "" if show == "day" else " UTC"
    return format_html(
        '<time datetime="{}" data-show="{}">{}{}</time>', at_utc.strftime("%Y-%m-%dT%H:%M:%SZ"), show, at_utc.strftime(form), zone
    )
