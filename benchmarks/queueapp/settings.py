"""The platform's settings and the kind `bench.nothing`; and django-q2 as its users run it, for the peer."""

from tradenexus.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.queueapp"]  # noqa: F405
if env.flag("BENCH_PLAIN_Q"):  # noqa: F405
    workers = env.integer("BENCH_WORKERS", 1)  # noqa: F405
    Q_CLUSTER = {"name": "peer", "workers": workers, "orm": "default", "timeout": 60, "retry": 90, "poll": 0.05}
    Q_CLUSTER |= {"bulk": 10, "save_limit": 0, "catch_up": False, "scheduler": False, "label": "Peer"}
DEBUG = False
