"""Routes of search and overview."""

from django.urls import path

from tradenexus.search import api, pages

urlpatterns = [
    path("search", pages.Results.as_view()),
    path("search/", pages.Results.as_view()),
    path("v1/search", api.Search.as_view()),
    path("v1/overview", api.Overview.as_view()),
    path("v1/doctor", api.Doctor.as_view()),
]
