"""The person as whom a newcomer looks around: made by `make run`, without a password to guess."""

from django.db import transaction

from accounts.models import Organization, User

DEMO_USERNAME = "demo"
DEMO_ORGANIZATION = "Demo studio"


def ensure_demo_user() -> User:
    """Return the demo user, made with an organization of their own if they are not there yet."""
    found = User.objects.filter(username=DEMO_USERNAME).first()
    if found:
        return found
    with transaction.atomic():
        user = User(username=DEMO_USERNAME)
        user.set_unusable_password()
        user.save()
        Organization.objects.filter(memberships__user=user).update(name=DEMO_ORGANIZATION)
    return user
