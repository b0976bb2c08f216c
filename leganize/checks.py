"""What must be right before an installation starts: each check says what to do about it."""

import os

from django.conf import settings
from django.core.checks import Error, Warning, register

from recordings.log.signing import read_or_make_key


@register()
def folders_can_be_written(app_configs, **kwargs):
    """The data folder and the recordings folder take files."""
    found = []
    for name in ("DATA_DIR", "RECORDINGS_DIR"):
        folder = getattr(settings, name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            found.append(Error(f"{name}={folder} cannot be made: {error.strerror}", id="leganize.E001"))
            continue
        if not os.access(folder, os.W_OK):
            hint = "Give the user that runs Leganize the right to write there, or name another folder."
            found.append(Error(f"{name}={folder} is not writable", hint=hint, id="leganize.E001"))
    return found


@register()
def recordings_can_be_signed(app_configs, **kwargs):
    """The key that signs manifests is one; without it nothing can be recorded."""
    try:
        read_or_make_key(settings.DATA_DIR / "signing_key.pem")
    except OSError as error:
        hint = "Put the right file back, or move it away: a new key is made, and signs what is recorded from then on."
        return [Error(f"recordings cannot be signed: {error.strerror}", hint=hint, id="leganize.E003")]
    return []


@register()
def many_workers_have_what_they_share(app_configs, **kwargs):
    """Redis carries media between workers, and only PostgreSQL takes the writes of many."""
    if settings.REDIS_URL and not settings.DATABASE_URL:
        hint = "Set DATABASE_URL to a PostgreSQL database, or leave REDIS_URL out for one process."
        return [Warning("REDIS_URL is set, but the database is a SQLite file", hint=hint, id="leganize.W001")]
    return []


@register(deploy=True)
def hosts_are_named(app_configs, **kwargs):
    """A wildcard host lets anyone put their own name into links and into `room-config`."""
    if "*" in settings.ALLOWED_HOSTS:
        hint = "List the names by which people and devices call this server."
        return [Error("ALLOWED_HOSTS contains *", hint=hint, id="leganize.E002")]
    return []
