"""What a person calls a recording."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from recordings.models import Recording
from rooms.happenings import note

MAX_TITLE_CHARACTERS = 120


@transaction.atomic
def rename(recording: Recording, title: str, *, by: User) -> None:
    """Call a recording `title`; without any, its room and device name it again. Raises ValueError with a sentence."""
    title = " ".join(title.split())
    if len(title) > MAX_TITLE_CHARACTERS or not title.isprintable():
        raise ValueError(_("A recording's name has at most 120 printable characters."))
    if title == recording.title:
        return
    was, recording.title = str(recording), title
    recording.save(update_fields=["title"])
    note(recording.organization, "recording-renamed", room=recording.room, subject=str(recording), actor=by, was=was)
