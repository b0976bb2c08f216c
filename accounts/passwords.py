"""Changing one's password; who came by link and has none yet sets a first one."""

from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.views import PasswordChangeView


class ChangePassword(PasswordChangeView):
    """Asks for the old password where there is one: an unlocked browser alone must not take an account over."""

    def get_form_class(self) -> type[SetPasswordForm]:
        return PasswordChangeForm if self.request.user.has_usable_password() else SetPasswordForm
