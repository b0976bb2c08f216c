"""How a template draws an icon, a time, a count, and what is missing."""

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pages import gaps, times

register = template.Library()
register.simple_tag(times.moment)
register.filter(times.stopwatch)
register.filter(gaps.gaps_in_words)
register.filter(gaps.length_in_words)
register.simple_tag(gaps.reason_in_words)


@register.filter
def grouped(number: int) -> str:
    """Say a count as people read it: 1,284."""
    return number_format(number, force_grouping=True)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a symbol of `icons/sprite.svg`; the words beside it say what it means."""
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true" focusable="false"><use href="#icon-{}"/></svg>',
        name,
    )
