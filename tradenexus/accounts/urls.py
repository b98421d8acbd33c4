"""Routes of signing in, settings, keys and me."""

from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.generic import RedirectView

from tradenexus.accounts import api
from tradenexus.accounts.pages import keys, settings, signin

urlpatterns = [
    path("login/", signin.SignIn.as_view(), name="login"),
    path("login/link/<str:token>/", signin.link, name="login-link"),
    path("logout/", LogoutView.as_view(next_page="/login/?out=1"), name="logout"),
    path("settings/", RedirectView.as_view(url="/settings/profile/")),
    path("settings/profile/", settings.Profile.as_view()),
    path("settings/appearance/", settings.Appearance.as_view()),
    path("settings/notifications/", settings.Notifications.as_view()),
    path("settings/workspace/", settings.Workspace.as_view()),
    path("settings/keys/", keys.Keys.as_view()),
    path("settings/keys/<str:ref>/revoke/", keys.Revoke.as_view()),
    path("v1/me", api.Me.as_view()),
    path("v1/keys", api.Keys.as_view()),
    path("v1/keys/<str:ref>", api.KeyDetail.as_view()),
]
