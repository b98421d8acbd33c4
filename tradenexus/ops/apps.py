"""Django's admin app with our site in the place of its own."""

from django.contrib.admin.apps import AdminConfig


class OperationsConfig(AdminConfig):
    """Names the site that `django.contrib.admin` uses everywhere."""

    default_site = "tradenexus.ops.site.Site"
