"""What is kept and what goes, in words: the rules of an organization and of its rooms, as everyone may read them."""

from dataclasses import dataclass, field

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Organization
from recordings.models import RetentionPolicy
from rooms.models import Room


@dataclass(frozen=True)
class Rule:
    """What is kept in one room, or where `room` is None in all that have no rule of their own."""

    room: Room | None
    sentences: list[str] = field(default_factory=list)
    is_held: bool = False


def rules_of(organization: Organization) -> list[Rule]:
    """Return the rules of `organization`, that for all rooms first, then those of single rooms by their names."""
    policies = list(RetentionPolicy.objects.filter(organization=organization).select_related("room"))
    general = next((policy for policy in policies if policy.room is None), RetentionPolicy(organization=organization))
    rooms = sorted((policy for policy in policies if policy.room), key=lambda policy: policy.room.name.casefold())
    return [_rule(policy) for policy in (general, *rooms)]


def _rule(policy: RetentionPolicy) -> Rule:
    said = []
    if policy.legal_hold:
        said.append(_("Legal hold: nothing is deleted, by nobody and by no rule."))
    if policy.keep_days is not None:
        days = ngettext(
            "Recordings go %(count)s day after they ended.", "Recordings go %(count)s days after they ended.",
            policy.keep_days,
        )  # fmt: skip
        said.append(days % {"count": policy.keep_days})
    if policy.keep_bytes is not None:
        said.append(_("Above %(size)s the oldest go first.") % {"size": filesizeformat(policy.keep_bytes)})
    if policy.keep_days is None and policy.keep_bytes is None:
        said.append(_("Everything is kept for ever."))
    if policy.quota_bytes is not None:
        quota = filesizeformat(policy.quota_bytes)
        said.append(_("Recording pauses while %(size)s or more is kept.") % {"size": quota})
    return Rule(policy.room, said, policy.legal_hold)
