"""What stands around every page: who is signed in, their organization, what captures, light or dark."""

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from devices.board import capturing_count

RECORDINGS = ("recordings", "recording", "recordings_deleted", "keeping")  # the pages of that place
THEMES = ("light", "dark")  # no cookie: as the system says


@dataclass(frozen=True)
class Place:
    """One of the four entries of the navigation; `current` is what `aria-current` says."""

    words: str
    icon: str
    url: str
    is_here: bool
    current: str


class Chrome:
    """Answers what the base template asks; a page that does not ask (the admin) costs no query."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._user = getattr(request, "user", None)  # absent when an early middleware failed

    @property
    def theme(self) -> str:
        chosen = self._request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @cached_property
    def capturing(self) -> int:
        """How many devices that this person may see capture now, as their workers report."""
        if not self._is_signed_in:
            return 0
        return capturing_count(self._user)

    @cached_property
    def organization(self) -> str:
        home = self._user.home_organization() if self._is_signed_in else None
        return home.name if home else ""

    @property
    def initial(self) -> str:
        return (self._user.get_full_name() or self._user.get_username())[:1].upper()

    @property
    def places(self) -> list[Place]:
        match = self._request.resolver_match
        here = match.url_name if match else None
        return [
            self._place(_("Rooms"), "rooms", here in ("rooms", "room"), is_page=here == "rooms"),
            self._place(_("Devices"), "devices", here in ("devices", "device"), is_page=here == "devices"),
            self._place(_("Recordings"), "recordings", here in RECORDINGS, is_page=here == "recordings"),
            self._place(_("Connect"), "connect", here == "connect"),
        ]

    def _place(self, words: str, name: str, is_here: bool, *, is_page: bool = True) -> Place:
        return Place(words, name, reverse(name), is_here, "page" if is_page else "true")

    @property
    def _is_signed_in(self) -> bool:
        return bool(self._user and self._user.is_authenticated)


def chrome(request: HttpRequest) -> dict[str, Chrome]:
    """Give every template its surroundings, worked out only where they are shown."""
    return {"chrome": Chrome(request)}
