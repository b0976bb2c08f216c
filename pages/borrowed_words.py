"""What Django itself says to people, where its Thai is silent: named here so that our catalogs say it."""

from django.utils.translation import gettext_noop, ngettext

BORROWED = [
    gettext_noop("Your password can’t be too similar to your other personal information."),
    gettext_noop("Your password can’t be a commonly used password."),
    gettext_noop("The password is too similar to the %(verbose_name)s."),
    gettext_noop("This password is too common."),
    gettext_noop("The two password fields didn’t match."),
    gettext_noop("Your old password was entered incorrectly. Please enter it again."),
]


def counted(characters: int) -> list[str]:
    """Return the borrowed sentences that have a plural, for `characters`."""
    return [
        ngettext(
            "Your password must contain at least %(min_length)d character.",
            "Your password must contain at least %(min_length)d characters.",
            characters,
        ),
        ngettext(
            "This password is too short. It must contain at least %d character.",
            "This password is too short. It must contain at least %d characters.",
            characters,
        ),
    ]
