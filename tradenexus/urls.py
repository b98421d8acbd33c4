"""All routes. The apps are named by string: the ground imports none of them."""

from django.contrib import admin
from django.urls import include, path, re_path

from tradenexus import home

admin.autodiscover()
urlpatterns = [
    path("", home.Home.as_view(), name="home"),
    path("healthz", home.healthz),
    path("readyz", home.readyz),
    path("v1/openapi.json", home.OpenApi.as_view(), name="openapi"),
    path("v1/docs/", home.docs, name="docs"),
    path("admin/", admin.site.urls),
    path("", include("tradenexus.accounts.urls")),
    path("", include("tradenexus.audit.urls")),
    path("", include("tradenexus.search.urls")),
    path("", include("tradenexus.jobs.urls")),
    path("", include("tradenexus.openlineage.urls")),
    path("", include("lona.urls")),  # before datasets: v1/datasets/lona:link is no dataset's id
    path("", include("backfill.urls")),
    path("", include("datasets.urls")),
    re_path(r"^v1/.*$", home.unknown_api),
]
handler404 = "tradenexus.home.not_found"
handler500 = "tradenexus.home.server_error"
handler403 = "tradenexus.home.forbidden"
handler400 = "tradenexus.home.bad_request"
