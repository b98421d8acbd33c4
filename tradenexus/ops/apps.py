"""Django's admin app with our site in the place of its own."""

from django.contrib.admin.apps import SimpleAdminConfig


class OperationsConfig(SimpleAdminConfig):
    """Names the site that `django.contrib.admin` uses everywhere.

    The desks are found with the addresses (`tradenexus.urls`): a worker serves none and need not hold them in memory.
    """

    default_site = "tradenexus.ops.site.Site"
