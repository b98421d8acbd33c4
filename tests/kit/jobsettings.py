"""The settings of worker processes that tests start: the usual ones, and the kinds of tests.kit.jobapp."""

from tradenexus.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.kit.jobapp"]  # noqa: F405
