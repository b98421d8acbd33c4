"""Routes of lineage for collectors."""

from django.urls import path

from tradenexus.openlineage import api

urlpatterns = [
    path("v1/openlineage", api.Feed.as_view()),
    path("v1/jobs/<str:ref>/openlineage", api.JobEvents.as_view()),
]
