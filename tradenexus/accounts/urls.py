"""Routes of signing in, keys and me."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from tradenexus.accounts import api, pages

urlpatterns = [
    path("login/", pages.SignIn.as_view(), name="login"),
    path("login/link/<str:token>/", pages.link, name="login-link"),
    path("logout/", LogoutView.as_view(next_page="/login/"), name="logout"),
    path("v1/me", api.Me.as_view()),
    path("v1/keys", api.Keys.as_view()),
    path("v1/keys/<str:ref>", api.KeyDetail.as_view()),
]
