"""Events as sentences for people, in the reader's language."""

from django.utils.translation import gettext as _

from rooms.models import Event


def sentence(event: Event) -> str:
    """Return what `event` says, without its time; an event of an unknown kind is told by its kind."""
    values = {"subject": event.subject, "actor": event.actor, **event.detail}
    try:
        return _sentences().get(event.kind, event.kind) % values
    except KeyError:
        return event.kind


def _sentences() -> dict[str, str]:
    return {
        "room-created": _("%(actor)s made this room."),
        "room-renamed": _("%(actor)s renamed this room from “%(was)s”."),
        "room-recording-on": _("%(actor)s turned recording on."),
        "room-recording-off": _("%(actor)s turned recording off."),
        "room-ended": _("%(actor)s ended this room."),
        "device-claimed": _("%(actor)s connected %(subject)s."),
        "device-moved": _("%(actor)s moved %(subject)s here."),
        "device-unbound": _("%(actor)s took %(subject)s out of this room."),
        "device-released": _("%(actor)s released %(subject)s."),
        "device-rehomed": _("%(subject)s lost power and was given its room back."),
        "device-configured": _("%(actor)s changed %(subject)s: %(what)s."),
        "device-away": _("%(subject)s went away."),
        "device-back": _("%(subject)s was away for %(seconds)s s. The gap is marked."),
        "capture-started": _("%(actor)s started %(subject)s."),
        "capture-stopped": _("%(actor)s stopped %(subject)s."),
        "grant-made": _("%(actor)s made a link: %(subject)s."),
        "grant-revoked": _("%(actor)s ended the link %(subject)s."),
        "recording-renamed": _("%(actor)s renamed the recording %(was)s to %(subject)s."),
        "recording-deleted": _("%(actor)s deleted the recording %(subject)s."),
        "recording-restored": _("%(actor)s took the deletion of %(subject)s back."),
        "recording-kept": _("%(actor)s keeps the recording %(subject)s."),
        "recording-unkept": _("%(actor)s lets the recording %(subject)s go with the others."),
        "recording-gone-deleted": _("The recording %(subject)s was removed for good: it had been deleted."),
        "recording-gone-old": _("The recording %(subject)s was removed: it was kept for as long as was asked."),
        "recording-gone-over": _("The recording %(subject)s was removed to stay within the limit."),
        "recording-finished": _("%(actor)s finished the recording %(subject)s."),
        "recording-verified": _("%(actor)s verified the recording %(subject)s: it is whole."),
        "recording-damaged": _("%(actor)s verified the recording %(subject)s: it is not whole."),
        "recording-unreadable": _(
            "%(seconds)s s of the recording %(subject)s cannot be read any more. The gap is marked."
        ),
        "retention-changed": _("%(actor)s changed what is kept and for how long."),
        "retention-dropped": _("%(actor)s took back the rule of what is kept and for how long."),
        "legal-hold-on": _("%(actor)s set a legal hold: nothing is deleted."),
        "legal-hold-off": _("%(actor)s lifted the legal hold."),
    }
