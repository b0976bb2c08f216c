"""Which view answers which path."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path, re_path

from accounts import passwords, sign_in
from leganize import api, health
from leganize.metrics import metrics

accounts = [
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", passwords.ChangePassword.as_view(), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("enter/<uid>/<token>/", sign_in.enter, name="sign_in_by_link"),
]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("accounts/", include(accounts)),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("api/", include(api)),
    path("api/", include("gateway.urls")),
    re_path("^api(?:/.*)?$", api.not_found),
    path("", include("pages.urls")),
]

handler403 = "pages.errors.not_allowed"
handler404 = "pages.errors.not_found"
handler500 = "leganize.api.server_error"
