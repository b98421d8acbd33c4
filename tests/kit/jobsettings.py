"""The settings of worker processes that tests start: the ground alone, and the kinds of tests.kit.jobapp."""

from tradenexus.settings import *  # noqa: F403

INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in {"datasets", "backfill", "lona"}] + ["tests.kit.jobapp"]  # noqa: F405
