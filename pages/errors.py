"""The last words: a page that is not there, one for operators only, one that broke."""

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template import loader


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404: the same for what does not exist and for what is someone else's."""
    return render(request, "404.html", status=404)


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403: a viewer asked for what is for operators."""
    return render(request, "403.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without the request: no user, no database, no context processor may break it again."""
    return HttpResponseServerError(loader.render_to_string("500.html"))
