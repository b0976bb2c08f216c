"""Registers the entry points with Django, for their commands and system checks."""

from django.apps import AppConfig


class LeganizeConfig(AppConfig):
    name = "leganize"
    verbose_name = "Leganize"

    def ready(self) -> None:
        from leganize import checks  # noqa: F401 - registers itself
