"""All settings, read from the environment (docs/settings.md lists every one). Defaults are the embedded shape:
SQLite, one folder, no other service. Production differs in values only."""

from __future__ import annotations

import secrets
import warnings
from pathlib import Path

from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured

from tradenexus import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent

# --- the place and the mode ------------------------------------------------------------------------------------------
NEXUS_ENV = env.choice("NEXUS_ENV", "development", ("development", "production"))
NEXUS_HOME = Path(env.text("NEXUS_HOME", str(BASE_DIR / "var"))).resolve()
NEXUS_VERSION = "0.1.0"
DEBUG = env.flag("NEXUS_DEBUG", False)


def _secret_key() -> str:
    """Return the configured key, or in development the one this installation made for itself."""
    given = env.text("NEXUS_SECRET_KEY")
    if not given and NEXUS_ENV == "development":
        path = NEXUS_HOME / "secret_key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(50))
        given = path.read_text().strip()
    if len(given) < 40 or len(set(given)) < 10 or given.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            "NEXUS_SECRET_KEY (or NEXUS_SECRET_KEY_FILE) must hold at least 40 random characters of your own; "
            "make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    return given


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env.words("NEXUS_SECRET_KEY_FALLBACKS")
if NEXUS_ENV == "production" and DEBUG:
    raise ImproperlyConfigured("NEXUS_DEBUG=1 cannot be used with NEXUS_ENV=production: it shows internals to visitors")

ALLOWED_HOSTS = env.words("NEXUS_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
NEXUS_PUBLIC_URL = env.text("NEXUS_PUBLIC_URL", "").rstrip("/")
# Pages of these origins may call /v1 from a browser, with a key.
NEXUS_CORS_ORIGINS = env.origins("NEXUS_CORS_ORIGINS")
CSRF_TRUSTED_ORIGINS = [NEXUS_PUBLIC_URL] if NEXUS_PUBLIC_URL else []
USE_X_FORWARDED_HOST = env.flag("NEXUS_BEHIND_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if USE_X_FORWARDED_HOST else None

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "tradenexus.ops.apps.OperationsConfig",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "django_q",
    "channels",
    "axes",
    "csp",
    "tradenexus.tenancy",
    "tradenexus.rest",
    "tradenexus.web",
    "tradenexus.audit",
    "tradenexus.events",
    "tradenexus.jobs",
    "tradenexus.accounts",
    "tradenexus.search",
    "datasets",
    "backfill",
    "lona",
]

MIDDLEWARE = [
    "tradenexus.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tradenexus.middleware.PrivateCacheMiddleware",
    "tradenexus.limits.middleware.RequestLimitMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "tradenexus.urls"
ASGI_APPLICATION = "tradenexus.asgi.application"
APPEND_SLASH = False
# Bytes of uploads bypass Django: its ASGI handler would spool every body to a temporary file before the view.
BYTE_PATHS = {"/v1/uploads/": "datasets.uploads.protocol.application"}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "tradenexus.web.frame.context",
            ],
        },
    },
]

# --- database --------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{NEXUS_HOME / 'nexus.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_DATABASE = DATABASES["default"]
if _DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    Path(str(_DATABASE["NAME"])).parent.mkdir(parents=True, exist_ok=True)
    _DATABASE["OPTIONS"] = {
        # IMMEDIATE: a deferred BEGIN that later writes fails at once with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        "PRAGMA cache_size=-8000; PRAGMA mmap_size=0; PRAGMA journal_size_limit=67108864;",
    }
    # A file, not memory: tests race threads and processes on it.
    _DATABASE["TEST"] = {"NAME": str(NEXUS_HOME / "test.sqlite3")}
# Under ASGI each request has a thread of its own that ends with it: a connection kept longer serves nobody and counts.
_DATABASE["CONN_MAX_AGE"] = env.integer("NEXUS_CONN_MAX_AGE", 0)
_DATABASE["CONN_HEALTH_CHECKS"] = True

# --- redis (optional): a wake-up and a cache, never the truth --------------------------------------------------------
REDIS_URL = env.text("REDIS_URL", "")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "nexus"}
}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# --- jobs ------------------------------------------------------------------------------------------------------------
NEXUS_WORKERS = env.integer("NEXUS_WORKERS", 2, 1)
NEXUS_HEAVY_JOBS = env.integer("NEXUS_HEAVY_JOBS", 1, 1)
NEXUS_ENGINE_PROCESSES = env.integer("NEXUS_ENGINE_PROCESSES", 1, 1)
NEXUS_COMPUTE = env.compute("NEXUS_COMPUTE")  # where validation and candles are worked out
NEXUS_JOB_LEASE_S = env.integer("NEXUS_JOB_LEASE_S", 60, 2)
NEXUS_JOB_HEARTBEAT_S = env.integer("NEXUS_JOB_HEARTBEAT_S", 15, 1)
NEXUS_JOB_MAX_ATTEMPTS = env.integer("NEXUS_JOB_MAX_ATTEMPTS", 5, 1)
# How long a handler may go on after a cancel, and a stopping worker's jobs may go on, before they are killed.
NEXUS_JOB_GRACE_S = env.integer("NEXUS_JOB_GRACE_S", 30, 0)
NEXUS_JOB_LIMIT_S = env.integer("NEXUS_JOB_LIMIT_S", 6 * 3_600, 1)
# django-q2 warns whenever there is no timeout of its own.
warnings.filterwarnings("ignore", message="Retry and timeout are misconfigured")
Q_CLUSTER = {
    "name": "nexus",
    "workers": NEXUS_WORKERS,
    "timeout": None,  # our runner keeps the time; django-q2's clock starts at prefetch
    "retry": 2_000_000_000,  # a message is a wake-up only: never delivered twice by the broker
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "scheduler": False,
    "poll": 0.1,
    "bulk": 4,
    "queue_limit": 4,
    "guard_cycle": 1,
    "recycle": 1_000_000,
    "max_rss": 400_000,  # KiB; a process that grew so large makes room for a new one between two jobs
    "label": "Wake-ups",
    "orm": "default",
    "broker_class": "tradenexus.jobs.queue.Doorbell",  # Redis when there is one, the database when not
}

# --- storage ---------------------------------------------------------------------------------------------------------
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(NEXUS_HOME / "media")},
    },
    "data": env.storage("NEXUS_STORAGE", "NEXUS_STORAGE_OPTIONS", NEXUS_HOME / "data"),
    "staticfiles": {"BACKEND": "tradenexus.web.browserfiles.HashedFiles"},
}
# Copies of remote blobs for the time of a job, in NEXUS_HOME/work/spool: all of them together.
NEXUS_SPOOL_BYTES = env.integer("NEXUS_SPOOL_BYTES", 200_000_000_000, 1)
# Dotted paths of functions () -> bool that /readyz asks, by the name it gives them.
NEXUS_READY = {"storage": "datasets.storage.probe.answers"}

# Dotted path of the function () -> lines that the operations index shows of upkeep.
NEXUS_UPKEEP = "datasets.maintenance.board.lines"

# --- limits ----------------------------------------------------------------------------------------------------------
NEXUS_MAX_UPLOAD_BYTES = env.integer("NEXUS_MAX_UPLOAD_BYTES", 100_000_000_000, 1)
NEXUS_TENANT_QUOTA_BYTES = env.integer("NEXUS_TENANT_QUOTA_BYTES", 1_000_000_000_000, 1)
NEXUS_TENANT_OPEN_UPLOADS = env.integer("NEXUS_TENANT_OPEN_UPLOADS", 100, 1)
NEXUS_UPLOAD_EXPIRY_S = env.integer("NEXUS_UPLOAD_EXPIRY_S", 7 * 86_400, 60)
# How much of an upload is validated while the rest still comes in; 0: nothing is looked at before it is whole.
NEXUS_PROVISIONAL_BYTES = env.integer("NEXUS_PROVISIONAL_BYTES", 1 << 30, 0)
# How long validation that runs along with an upload waits for the next bytes before it gives up; 0: none runs along.
NEXUS_FOLLOW_WAIT_S = env.integer("NEXUS_FOLLOW_WAIT_S", 30, 0)
# What keeps rows out of the lake, and what is only flagged there (datasets.lake.rules).
NEXUS_LAKE_RULES = {
    "toxic_up_pct": env.number("NEXUS_LAKE_TOXIC_UP_PCT", 500),
    "large_move_pct": env.number("NEXUS_LAKE_LARGE_MOVE_PCT", 30),
    "wick_pct": env.number("NEXUS_LAKE_WICK_PCT", 50),
    "volume_spike": env.number("NEXUS_LAKE_VOLUME_SPIKE", 20),
    "stall_sessions": env.integer("NEXUS_LAKE_STALL_SESSIONS", 5, 2),
    "vendor_difference_pct": env.number("NEXUS_LAKE_VENDOR_DIFFERENCE_PCT", 0.5),
}
# How long a snapshot is kept that nobody pinned or gave a day, and where runs may have theirs put down as files.
NEXUS_SNAPSHOT_KEPT_S = env.integer("NEXUS_SNAPSHOT_KEPT_S", 90 * 86_400, 60)
NEXUS_RUNS_ROOT = env.text("NEXUS_RUNS_ROOT", "")
# Bundles of the lake: the UTC hour after which the night's one is built (-1: only when asked), and how many are kept.
NEXUS_EXPORT_HOUR = env.integer("NEXUS_EXPORT_HOUR", 2, -1)
NEXUS_EXPORT_NIGHTS = env.integer("NEXUS_EXPORT_NIGHTS", 14, 1)
# Every stored byte is read again within so many days (datasets.maintenance.lakescrub).
NEXUS_SCRUB_DAYS = env.integer("NEXUS_SCRUB_DAYS", 7, 1)
# Earlier revisions of the lake can be read for so many days; 0: for ever.
NEXUS_LAKE_REVISIONS_KEPT_DAYS = env.integer("NEXUS_LAKE_REVISIONS_KEPT_DAYS", 90, 0)
# Rows of both sides that a comparison of two revisions reads at once; a larger one is a job, so many rows at a time.
NEXUS_LAKE_DIFF_ROWS = env.integer("NEXUS_LAKE_DIFF_ROWS", 2_000_000, 1)
# Dotted paths of functions (ids of segments) -> those of them that must stay (datasets.maintenance.roots).
NEXUS_LAKE_ROOTS: list[str] = []
NEXUS_UPLOAD_IDLE_S = env.integer("NEXUS_UPLOAD_IDLE_S", 60, 1)
NEXUS_CHILD_MEMORY_BYTES = env.integer("NEXUS_CHILD_MEMORY_BYTES", 1 << 30, 1 << 26)
NEXUS_READS_PER_MIN = env.integer("NEXUS_READS_PER_MIN", 6_000)  # of a key, a person or an address; 0: no limit
NEXUS_WRITES_PER_MIN = env.integer("NEXUS_WRITES_PER_MIN", 600)
NEXUS_OPEN_SOCKETS = env.integer("NEXUS_OPEN_SOCKETS", 50)
NEXUS_CHILD_UIDS = env.ids("NEXUS_CHILD_UIDS", "60600-60855")
NEXUS_IDEMPOTENCY_S = env.integer("NEXUS_IDEMPOTENCY_S", 7 * 86_400, 86_400)
NEXUS_EVENTS_KEPT_S = env.integer("NEXUS_EVENTS_KEPT_S", 7 * 86_400, 3_600)
DATA_UPLOAD_MAX_MEMORY_SIZE = 4_194_304

# --- vendors ---------------------------------------------------------------------------------------------------------
# Dotted paths of adapters, in order of preference (backfill.vendors.registry).
NEXUS_VENDORS = env.words("NEXUS_VENDORS", "backfill.vendors.adapters.replay")
NEXUS_REPLAY_MANIFEST = env.text("NEXUS_REPLAY_MANIFEST")
NEXUS_REPLAY_ROOT = env.text("NEXUS_REPLAY_ROOT")
NEXUS_INGEST_FRESHNESS_S = env.integer("NEXUS_INGEST_FRESHNESS_S", 12 * 3_600)
NEXUS_INGEST_POLICY = env.choice("NEXUS_INGEST_POLICY", "newer", ("newer", "refuse", "rank"))
NEXUS_INGEST_GAP_DAYS = env.integer("NEXUS_INGEST_GAP_DAYS", 5, 1)
NEXUS_INGEST_OVERLAP_DAYS = env.integer("NEXUS_INGEST_OVERLAP_DAYS", 7)
NEXUS_INGEST_BATCH = env.integer("NEXUS_INGEST_BATCH", 25, 1)  # instruments of one job
NEXUS_INGEST_ROWS = env.integer("NEXUS_INGEST_ROWS", 2_000_000, 1)  # of one commit, and what reaches it
NEXUS_INGEST_WORKSPACE = env.text("NEXUS_INGEST_WORKSPACE")
# What one repair of gaps may spend (backfill.repair); what is left over is the next one's.
NEXUS_REPAIR_RANGES = env.integer("NEXUS_REPAIR_RANGES", 500, 1)
NEXUS_REPAIR_CALLS = env.integer("NEXUS_REPAIR_CALLS", 1_000, 1)
NEXUS_REPAIR_ROWS = env.integer("NEXUS_REPAIR_ROWS", 2_000_000, 1)
NEXUS_REPAIR_CLOSE_HOURS = env.integer("NEXUS_REPAIR_CLOSE_HOURS", 96)  # gaps at most so far apart are one range
NEXUS_REPAIR_ASK_AGAIN_DAYS = env.integer("NEXUS_REPAIR_ASK_AGAIN_DAYS", 30)

# --- Lona ------------------------------------------------------------------------------------------------------------
LONA_GATEWAY_URL = env.text("LONA_GATEWAY_URL", "https://gateway.lona.agency").rstrip("/")
LONA_AGENT_ID = env.text("LONA_AGENT_ID")
LONA_AGENT_TOKEN = env.text("LONA_AGENT_TOKEN")
LONA_AGENT_NAME = env.text("LONA_AGENT_NAME", "trade-nexus")
LONA_AGENT_REGISTRATION_SECRET = env.text("LONA_AGENT_REGISTRATION_SECRET")
LONA_ALLOW_PRIVATE = env.flag("LONA_ALLOW_PRIVATE")
LONA_PROVIDER_LABEL = env.text("LONA_PROVIDER_LABEL")  # empty: what the gateway says of itself, else "Lona"
LONA_POLL_S = env.number("LONA_POLL_S", 5.0)  # pause between two looks at a report
LONA_SETTLE_S = env.integer("LONA_SETTLE_S", 90)  # a lost answer may still be carried out for so long
LONA_RUN_TIMEOUT_S = env.integer("LONA_RUN_TIMEOUT_S", 3_600, 1)

# --- people ----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login/"
AXES_FAILURE_LIMIT = env.integer("NEXUS_LOGIN_FAILURES", 5, 1)
AXES_COOLOFF_TIME = 1 / 60  # hours
# The field of Django's sign-in form and of its signals. The default, the model's own name of it (email), finds nothing:
# failures would be counted for nobody, and the right password would pass a lockout.
AXES_USERNAME_FORM_FIELD = "username"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "tradenexus.accounts.pages.signin.locked"
AXES_VERBOSE = False
AXES_ENABLED = True
NEXUS_LOGIN_LINK_S = env.integer("NEXUS_LOGIN_LINK_S", 3_600, 60)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "tradenexus.home.csrf_failed"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = NEXUS_ENV == "production"
SECURE_SSL_REDIRECT = NEXUS_ENV == "production" and env.flag("NEXUS_SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if NEXUS_ENV == "production" else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = NEXUS_ENV == "production"
X_FRAME_OPTIONS = "DENY"

# --- API -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tradenexus.rest.auth.ApiKeyAuthentication", "tradenexus.rest.auth.SessionAuth"],
    "DEFAULT_PERMISSION_CLASSES": ["tradenexus.rest.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "tradenexus.rest.openapi.Schema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "tradenexus.rest.negotiation.JsonNegotiation",
    "EXCEPTION_HANDLER": "tradenexus.rest.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Trade Nexus platform API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "Datasets, uploads, quality, candles, publications and backtests. Times are UTC; ranges half-open.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": ["tradenexus.rest.openapi.add_common_answers", "datasets.api.tus.add"],
}

# Dotted paths of functions (tenant_id, ids) -> (nodes, edges) that extend the lineage of datasets.
NEXUS_LINEAGE = ["datasets.promoted.following", "datasets.onward.following", "lona.finders.lineage"]
# Dotted paths of functions that know the neighbours of one node of it (datasets.neighbourhood.Neighbours).
NEXUS_NEIGHBOURS = ["datasets.promoted.beside", "datasets.onward.beside", "lona.finders.neighbours"]
# Dotted paths of functions (tenant_id, jobs) -> {job's id: tradenexus.openlineage.facets.Moved}, by the kind of job.
NEXUS_OPENLINEAGE = {
    "dataset.ingest": "datasets.openlineage.moves.ingest",
    "dataset.validate": "datasets.openlineage.moves.validate",
    "dataset.candles": "datasets.openlineage.moves.candles",
    "lake.promote": "datasets.openlineage.lakemoves.promote",
    "lake.release": "datasets.openlineage.lakemoves.release",
    "lake.split": "datasets.openlineage.lakemoves.split",
    "features.build": "datasets.openlineage.lakemoves.feature",
    "snapshot.materialise": "datasets.openlineage.lakemoves.materialise",
    "returns.build": "datasets.openlineage.lakemoves.returns",
    "export.build": "datasets.openlineage.lakemoves.export",
    "backfill.ingest": "backfill.openlineage.ingest",
    "lona.publish": "lona.openlineage.publish",
    "lona.backtest": "lona.openlineage.backtest",
}
# What moves data at once, without a job: audit action -> (name, words, path of (tenant_id, ids) -> {id: Moved}).
NEXUS_OPENLINEAGE_ACTS = {
    "snapshot.frozen": ("snapshot.freeze", "Freeze a snapshot", "datasets.openlineage.lakemoves.freeze"),
}

# --- pages -----------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "tradenexus.ops.formats"  # of the operations desk; the product's pages have filters of their own
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("NEXUS_STATIC_ROOT", str(NEXUS_HOME / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Hashed names are kept for good (`immutable`); under its own name a file is asked for again (304).
WHITENOISE_MAX_AGE = 0
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

LOGGING_CONFIG = None
logs.configure(env.choice("NEXUS_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")))
