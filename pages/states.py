"""A device's reported state in words, for pages as they are first drawn; `live/states.js` says the same afterwards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.translation import gettext as _

from pages.times import lasting, moment

SHAPES = {"starting": "connecting", "reconnecting": "connecting", "stopping": "away"}
STOPPABLE = ("capturing", "starting", "stopping")
ABSENT = ("away", "reconnecting")


@dataclass(frozen=True)
class Act:
    """A button: what it says, what it sends where without JavaScript, and the same for the API."""

    words: str
    url: str
    fields: dict[str, str]
    api_path: str
    api_method: str
    api_body: str


@dataclass(frozen=True)
class Concern:
    """What needs a look, beside the state and never instead of it; `act` is the remedy."""

    kind: str
    shape: str
    title: str
    detail: str = ""
    act: Act | None = None


@dataclass(frozen=True)
class Row:
    """One device of the board as its row says it."""

    entry: dict[str, Any]
    shape: str
    title: str
    detail: str
    sends: str
    last_heard: datetime | None
    act: Act | None
    warnings: list[Concern] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"/devices/{self.entry['id']}/"

    @property
    def said(self) -> str:
        """Return the line below: what needs a look where something does, else the detail of the state."""
        looks = [concern.detail for concern in self.warnings if concern.detail]
        return " · ".join(looks) or self.detail

    @property
    def needs_a_look(self) -> bool:
        return bool(self.warnings)


def row_of(entry: dict[str, Any]) -> Row:
    """Return the row of one entry of `board.devices`."""
    title, detail = _sentence(entry)
    return Row(
        entry=entry,
        shape=SHAPES.get(entry["state"], entry["state"]),
        title=title,
        detail=detail,
        sends=_("Camera") if entry["kind"] == "camera" else format_in_words(entry["rate"], entry["channels"]),
        last_heard=_read(entry["lastHeard"]),
        act=_next_act(entry) if entry["mayControl"] else None,
        warnings=list(_warnings(entry)),
    )


def format_in_words(rate_hz: int, channels: int) -> str:
    """Say "16 kHz mono", and "22.05 kHz stereo" where it is so."""
    form = _("%(rate)s stereo") if channels == 2 else _("%(rate)s mono")
    return form % {"rate": rate_in_words(rate_hz)}


def rate_in_words(rate_hz: int) -> str:
    """Say a sample rate as people do: "16 kHz"."""
    in_khz = rate_hz // 1000 if rate_hz % 1000 == 0 else rate_hz / 1000
    return _("%(rate)s kHz") % {"rate": localize(in_khz)}


def _sentence(entry: dict[str, Any]) -> tuple[str, str]:
    since, state = _read(entry["since"]), entry["state"]
    length = lasting((timezone.now() - since).total_seconds()) if since else ""
    room = entry["room"]["name"] if entry["room"] else ""
    match state:
        case "pending":
            return _("Pending"), _("for %(length)s") % {"length": length}
        case "connecting":
            return _("Connecting"), _("asking it to join %(room)s") % {"room": room} if room else ""
        case "starting":
            return _("Starting"), _("asked %(length)s ago; no sound yet") % {"length": length}
        case "capturing":
            return _("Capturing"), _timed(_("since %(time)s"), since)
        case "stopping":
            return _("Stopping"), _("the last second is being kept")
        case "reconnecting":
            return _("Reconnecting"), _("dropped %(length)s ago") % {"length": length}
        case "away":
            back = _("it comes back by itself, and starts then") if entry["wanted"] else _("it comes back by itself")
            return _timed(_("Away since %(time)s"), since) if since else _("Away"), back
        case _:
            return _("Connected"), _("ready, not capturing") if room else _("in no room yet")


def _warnings(entry: dict[str, Any]) -> Iterator[Concern]:
    hint = entry["hint"]
    if hint and (hint["rate"], hint["channels"]) != (entry["rate"], entry["channels"]):
        yield _rate_warning(entry)
    if entry["conflict"]:
        here, there = (_short(address) for address in entry["conflict"]["addresses"])
        both = _("%(here)s and %(there)s both say %(name)s") % {"here": here, "there": there, "name": entry["deviceId"]}
        yield Concern("conflict", "conflict", _("Two devices, one name"), both)
    if entry["problem"] == "buffer":
        remedy = _("its buffer is too large: set BUFFER_SIZE to 1024 in the sketch")
        yield Concern("problem", "hint", _("Sends no sound"), remedy)


def _rate_warning(entry: dict[str, Any]) -> Concern:
    hint, rate, channels = entry["hint"], entry["rate"], entry["channels"]
    wanted = {"sample_rate_hz": hint["rate"], "channels": hint["channels"]}
    if hint["rate"] == rate and hint["channels"] != channels:
        if hint["channels"] == 2:
            words = _("Looks like stereo"), _("set to mono, so it plays at half speed"), _("Use stereo")
        else:
            words = _("Looks like mono"), _("set to stereo, so it plays too fast"), _("Use mono")
    else:
        looks, set_to = rate_in_words(hint["rate"]), rate_in_words(rate)
        words = (
            _("Looks like %(rate)s") % {"rate": looks},
            _speed(rate / hint["rate"]) % {"rate": set_to},
            _("Use %(rate)s") % {"rate": looks},
        )
    act = _act(entry, words[2], "configure", wanted, method="PATCH", call="") if entry["mayControl"] else None
    return Concern("hint", "hint", words[0], words[1], act)


def _speed(times: float) -> str:
    if times == 2:
        return _("set to %(rate)s, so it plays twice too fast")
    if times == 0.5:
        return _("set to %(rate)s, so it plays at half speed")
    return _("set to %(rate)s, so it plays too fast") if times > 1 else _("set to %(rate)s, so it plays too slowly")


def _next_act(entry: dict[str, Any]) -> Act | None:
    state = entry["state"]
    if state in ("pending", "connecting") or (entry["room"] is None and not entry["wanted"]):
        return None
    if state in STOPPABLE:
        return _act(entry, _("Stop"), "capture", {"on": False})
    if state in ABSENT and entry["wanted"]:
        return _act(entry, _("Do not start"), "capture", {"on": False})
    return _act(entry, _("Start when back") if state in ABSENT else _("Start"), "capture", {"on": True})


def _act(
    entry: dict[str, Any], words: str, what: str, body: dict[str, Any], *, method: str = "POST", call: str = "/capture"
) -> Act:
    fields = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in body.items()}
    return Act(
        words,
        f"/devices/{entry['id']}/{what}/",
        fields,
        f"/api/v1/devices/{entry['id']}{call}",
        method,
        json.dumps(body),
    )


def _timed(sentence: str, at: datetime | None) -> str:
    if at is None:
        return ""
    return format_html(sentence.replace("%(time)s", "{}"), moment(at))


def _read(iso: str | None) -> datetime | None:
    return datetime.fromisoformat(iso) if iso else None


def _short(address: str | None) -> str:
    """On one network the last number tells two devices apart."""
    text = address or ""
    return f".{text.rpartition('.')[2]}" if text.count(".") == 3 else text
