"""How decisions are refused over HTTP: strangers 404, viewers 403, what cannot be done 400, each with a sentence."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import ParseError, PermissionDenied, ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.parsers import JSONParser
from rest_framework.response import Response

from accounts.models import Organization, User
from accounts.tenancy import may_operate


class RefusalSerializer(serializers.Serializer):
    """What every refused request is answered with."""

    detail = serializers.CharField(help_text="A sentence for people.")
    fields_ = serializers.DictField(required=False, help_text="What is wrong with which field of the request.")

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        fields["fields"] = fields.pop("fields_")  # `fields` itself is taken by the class
        return fields


NOT_SIGNED_IN = {401: OpenApiResponse(RefusalSerializer, "Neither a session nor a valid API key.")}
NOT_READABLE = {
    **NOT_SIGNED_IN,
    403: OpenApiResponse(RefusalSerializer, "The API key lacks the scope."),
    404: OpenApiResponse(RefusalSerializer, "Not there, or not yours to see."),
}
NOT_DECIDED = {
    400: OpenApiResponse(RefusalSerializer, "It cannot be done; the sentence says why."),
    **NOT_READABLE,
    403: OpenApiResponse(RefusalSerializer, "You may see it, not change it; or a scope or CSRF token is missing."),
}


class Page(LimitOffsetPagination):
    """At most 500 rows in one answer, and no offset that a database cannot count to."""

    max_limit = 500
    max_offset = 2**31 - 1

    def get_offset(self, request: Any) -> int:
        return min(super().get_offset(request), self.max_offset)


class JsonBody(JSONParser):
    """JSON as the API takes it: a body nested deeper than Python can follow is refused, not a crash."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError as error:
            raise ParseError(_("This JSON is nested too deeply.")) from error


class AnswersInSentences:
    """For API views: each error carries `detail`, one sentence, beside what is wrong with which field."""

    pagination_class = Page
    parser_classes = [JsonBody]

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(exc, ValidationError) and "detail" not in response.data:
            fields = response.data if isinstance(response.data, dict) else {"request": response.data}
            response.data = {"detail": " ".join(_said(fields)), "fields": fields}
        return response


@contextmanager
def impossible_is_400() -> Iterator[None]:
    """Turn an operation's ValueError, a sentence for people, into an answer with 400."""
    try:
        yield
    except ValueError as error:
        raise ValidationError({"detail": str(error)}) from error


def refuse_unknown(said: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse with 400 a wish that nobody here understands, rather than answer 200 and do nothing."""
    unknown = sorted(set(said) - set(known))
    if unknown:
        raise ValidationError({name: [_("This is no field of this call.")] for name in unknown})


def require_operator(user: User, organization: Organization) -> None:
    """Refuse with 403 who may see things of `organization` but not start, stop or change them."""
    if not may_operate(user, organization):
        raise PermissionDenied(_("You can listen here. Starting, stopping and changing things is for operators."))


def _said(fields: dict[str, Any]) -> Iterator[str]:
    for name, messages in fields.items():
        for message in messages if isinstance(messages, list) else [messages]:
            yield str(message) if name in ("request", "non_field_errors") else f"{name}: {message}"
