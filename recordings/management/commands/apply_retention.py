"""Removes what is due by the rules of retention, or says what would go: `manage.py apply_retention --dry-run`."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from accounts.models import Organization
from recordings.keeping.retention import Leaving, apply, plan
from recordings.models import RetentionPolicy


class Command(BaseCommand):
    help = "Remove the recordings that are due by age, bytes or deletion; the server does the same every ten minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would go and why, and remove nothing")
        parser.add_argument("--organization", metavar="UUID", help="of this one alone")

    def handle(self, *args: Any, **options: Any) -> None:
        organizations = list(_organizations(options["organization"]))
        for each in organizations:
            if options["dry_run"]:
                self._say(each, plan(each), "would go")
            else:
                self._say(each, apply(each), "went")
        for policy in RetentionPolicy.objects.filter(legal_hold=True, organization__in=organizations):
            self.stdout.write(f"{policy}: a legal hold keeps everything")

    def _say(self, organization: Organization, leaving: list[Leaving], verb: str) -> None:
        for recording, reason in leaving:
            size = filesizeformat(recording.stored_bytes)
            self.stdout.write(f"{recording.pk}  {recording}  {size}  {reason.label}")
        total = filesizeformat(sum(each.recording.stored_bytes for each in leaving))
        noun = "recording" if len(leaving) == 1 else "recordings"
        self.stdout.write(f"{organization}: {len(leaving)} {noun}, {total} {verb}")


def _organizations(wanted: str | None) -> Any:
    if not wanted:
        return Organization.objects.all()
    try:
        return [Organization.objects.get(pk=UUID(wanted))]
    except (Organization.DoesNotExist, ValueError) as error:
        raise CommandError(f"there is no organization {wanted}") from error
