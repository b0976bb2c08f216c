"""Forms of the admin for people and keys: what is secret is asked for or made, never shown again."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm as DjangoUserCreationForm
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget
from django.contrib.auth.forms import UserChangeForm as DjangoUserChangeForm
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.api_keys import SCOPES
from accounts.models import ApiKey, User


class PasswordIsSetWidget(ReadOnlyPasswordHashWidget):
    """Says whether there is a password; Django's own shows how it begins."""

    def get_context(self, name: str, value: str | None, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        if value and not value.startswith("!"):
            context["summary"] = [{"label": gettext("A password is set.")}]
        return context


class UserCreationForm(DjangoUserCreationForm):
    """A new person; the first save gives them an organization of their own."""

    class Meta(DjangoUserCreationForm.Meta):
        model = User


class UserChangeForm(DjangoUserChangeForm):
    """A person as the admin changes them."""

    class Meta(DjangoUserChangeForm.Meta):
        model = User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "password" in self.fields:
            self.fields["password"].widget = PasswordIsSetWidget()


class NewApiKeyForm(forms.ModelForm):
    """What is to be known of a key before it is made."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What the key is for."))
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(scope, scope) for scope in SCOPES],
        initial=SCOPES,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("read: see what its user may see. control: also change it."),
    )

    class Meta:
        model = ApiKey
        fields = ["user", "name", "scopes"]
