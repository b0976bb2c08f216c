"""The one rule of visibility: a person sees what belongs to an organization of which they are a member."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

if TYPE_CHECKING:
    from accounts.models import Organization, User


class TenantQuerySet(models.QuerySet):
    """Rows that belong to an organization, by way of their model's `tenant_path`."""

    def visible_to(self, user: Any) -> Self:
        """Narrow to what `user` may see; a superuser gets no more than memberships give, the admin is their place."""
        return self._of_member(user, roles=None)

    def operable_by(self, user: Any) -> Self:
        """Narrow to what `user` may also start, stop and change."""
        return self._of_member(user, roles=("owner", "operator"))

    def _of_member(self, user: "User | Any", roles: tuple[str, ...] | None) -> Self:
        if not user.is_authenticated or not user.is_active:
            return self.none()
        memberships = user.memberships.all() if roles is None else user.memberships.filter(role__in=roles)
        path = getattr(self.model, "tenant_path", "organization")
        return self.filter(**{f"{path}__in": memberships.values("organization")})


def may_operate(user: Any, organization: "Organization") -> bool:
    """Tell whether `user` may start, stop and change things in `organization`."""
    return bool(
        user.is_authenticated
        and user.memberships.filter(organization=organization, role__in=("owner", "operator")).exists()
    )
