"""`manage.py create_api_key USERNAME`: prints a new API key and nothing else, so that a script can keep it."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.api_keys import SCOPES, make_api_key
from accounts.models import User


class Command(BaseCommand):
    help = "Give a user a new API key and print it. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the key is for, as the admin lists it")
        parser.add_argument(
            "--scopes", nargs="+", choices=SCOPES, default=SCOPES, help="what it may do (default: both)"
        )

    def handle(self, *args, username: str, name: str, scopes: list[str], **options) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user named {username!r}. Make one with: manage.py createsuperuser")
        if not user.is_active:
            raise CommandError(f"The user {username!r} is inactive, so a key of theirs would open nothing.")
        _key, text = make_api_key(user, name, scopes)
        self.stdout.write(text)
