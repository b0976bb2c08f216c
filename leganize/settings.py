"""Every setting of an installation, read from the environment and `.env` in one place; `.env.example` explains each."""

import ipaddress
import os
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from leganize.s3 import s3_storage
from leganize.secret_key import read_or_make_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, or a start that fails with the name of the variable."""
    value = env.str(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value} is not one of {', '.join(choices)}")
    return value


def env_int(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number within its bounds, or a start that fails with the name of the variable."""
    text = env.str(name, str(default))
    if not (text.lstrip("-").isdigit() and low <= int(text) <= high):
        raise ImproperlyConfigured(f"{name}={text} is not a whole number from {low} to {high}")
    return int(text)


def own_addresses() -> list[str]:
    """This machine's own IPv4 addresses, the one that reaches the network first."""
    found: list[str] = []
    # without any network, only names and loopback remain
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # chooses a route, sends nothing (RFC 5737 address)
        found.append(probe.getsockname()[0])
    with suppress(OSError):  # a machine whose own name does not resolve still has the address above
        found += [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return list(dict.fromkeys([address for address in found if not address.startswith("127.")]))


# Where things live
DATA_DIR = Path(env.str("LEGANIZE_DATA", str(BASE_DIR / "var"))).absolute()
DATA_DIR.mkdir(parents=True, exist_ok=True)
RECORDINGS_DIR = Path(env.str("RECORDINGS_DIR", str(DATA_DIR / "recordings")))
EXPORTS_DIR = Path(env.str("EXPORTS_DIR", str(DATA_DIR / "exports")))

SECRET_KEY = env.str("SECRET_KEY", "") or read_or_make_secret_key(DATA_DIR / "secret_key")
DEBUG = env.bool("DEBUG", False)

# Where it listens, and by which names it is called
HOST = env.str("HOST", "127.0.0.1")
PORT = env_int("PORT", 3000, low=1, high=65535)
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - what an operator asks for by HOST=0.0.0.0
LAN_ADDRESSES = own_addresses() if HOST in ANY_ADDRESS else []
WS_HOST = env.str("WS_HOST", "") or (LAN_ADDRESSES or [HOST])[0]
_loopback_names = ["localhost", "127.0.0.1", "[::1]"]
_own_names = [socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"] if LAN_ADDRESSES else []
_host_if_name = [] if HOST in ANY_ADDRESS else [f"[{HOST}]" if ":" in HOST else HOST]
ALLOWED_HOSTS = list(
    dict.fromkeys(_loopback_names + LAN_ADDRESSES + _own_names + _host_if_name + env.list("ALLOWED_HOSTS", default=[]))
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
BEHIND_TLS = env.bool("BEHIND_TLS", False)  # a proxy in front speaks https and sets X-Forwarded-Proto
TRUSTED_PROXIES = [ipaddress.ip_network(text) for text in env.list("TRUSTED_PROXIES", default=[])]

# What it stands on
DATABASE_URL = env.str("DATABASE_URL", "")
REDIS_URL = env.str("REDIS_URL", "")
EMBEDDED = not DATABASE_URL and not REDIS_URL
"""One process on one machine with nothing beside it: SQLite and the local bus."""

if DATABASE_URL:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
    if "ENGINE" not in DATABASES["default"]:
        raise ImproperlyConfigured("DATABASE_URL names no database: write postgresql://USER:PASSWORD@HOST:5432/NAME")
    if "postgresql" in DATABASES["default"]["ENGINE"]:
        # setdefault: the URL may carry options of its own (a socket's folder as host)
        DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
            "pool", {"min_size": 1, "max_size": 12, "timeout": 10}
        )
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "leganize.sqlite3"}}
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # DEFERRED fails at once when two readers want to write (design, decision 10)
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # in-memory test databases cannot be shared between the server's threads
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}

if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    }
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Where closed segments go as well, once they do not lie here alone
S3_BUCKET = env.str("S3_BUCKET", "")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", "")
S3_REGION = env.str("S3_REGION", "")
S3_ACCESS_KEY = env.str("S3_ACCESS_KEY", "")
S3_SECRET_KEY = env.str("S3_SECRET_KEY", "")
S3_PREFIX = env.str("S3_PREFIX", "").strip("/")
S3_KEEP_LOCAL_HOURS = env_int("S3_KEEP_LOCAL_HOURS", 168, low=0, high=24 * 3650)
S3_CACHE_MB = env_int("S3_CACHE_MB", 2048, low=32, high=10**9)  # the largest segment has 16 MB
S3_CACHE_DIR = DATA_DIR / "offsite-cache"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if S3_BUCKET:
    STORAGES["recordings-offsite"] = s3_storage(
        bucket_name=S3_BUCKET,
        endpoint_url=S3_ENDPOINT_URL or None,
        region_name=S3_REGION or None,
        access_key=S3_ACCESS_KEY or None,
        secret_key=S3_SECRET_KEY or None,
        location=S3_PREFIX,
    )

# What is allowed
OPEN_LOBBY = env.bool("OPEN_LOBBY", EMBEDDED)
REHOME = env_choice("REHOME", "always" if EMBEDDED else "same-address", ("always", "same-address", "ask"))
DEMO = env.bool("DEMO", False)
WORKER_LEASE_SECONDS = env_int("WORKER_LEASE_SECONDS", 15, low=2, high=30)
HEARTBEAT_SECONDS = env.float("HEARTBEAT_SECONDS", 1.0)
GRANT_HOURS = env_int("GRANT_HOURS", 12, low=1, high=24 * 365)
MAX_MESSAGE_BYTES = 256 * 1024  # one JPEG of a camera with room to spare; more is closed with 1009
DAPHNE_WEBSOCKET_MAX_MESSAGE_SIZE = DAPHNE_WEBSOCKET_MAX_FRAME_SIZE = MAX_MESSAGE_BYTES
FSYNC = env_choice("FSYNC", "interval", ("interval", "always", "never"))
RESUME_WITHIN_SECONDS = env_int("RESUME_WITHIN_SECONDS", 3600, low=0, high=7 * 86400)
EXPORT_KEEP_DAYS = env_int("EXPORT_KEEP_DAYS", 7, low=1, high=3650)
DELETE_UNDO_HOURS = env_int("DELETE_UNDO_HOURS", 24, low=0, high=24 * 365)
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

INSTALLED_APPS = [
    "leganize",  # its commands come before Daphne's
    "daphne",  # must precede staticfiles: it replaces `runserver`
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "rooms",
    "devices",
    "recordings",
    "gateway",
    "pages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "leganize.full_disk.FullDisk",
]
ROOT_URLCONF = "leganize.urls"
ASGI_APPLICATION = "leganize.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pages.chrome.chrome",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Who
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# Which tongue, which time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("th", "ไทย"), ("ru", "Русский")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", "UTC")

# Files that pages need
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns where there is none yet
WHITENOISE_USE_FINDERS = True
# whitenoise hands its small files over synchronously; the warning would stand right below a newcomer's link
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
WHITENOISE_AUTOREFRESH = DEBUG

# What browsers are told
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "worker-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "media-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
# over plain http on a LAN name browsers refuse this header, and say so in their console
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if BEHIND_TLS else None
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api_keys.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": _("Leganize"),
    "DESCRIPTION": _("Rooms, devices with their presence, and recordings of one organization."),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {"DeviceStateEnum": "devices.schema.STATES"},  # recordings have a `state` too
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "redact": {"()": "leganize.redaction.RedactSecrets"},
        "one_line": {"()": "leganize.strangers.OneLineForStrangers"},
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["one_line", "redact"],
            "stream": sys.stderr,
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "WARNING"},  # at INFO it writes a line per socket, we write our own
        "uvicorn.access": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},  # at INFO it says where it found the keys
        "channels_redis": {"level": "CRITICAL"},  # a traceback a second without Redis; rooms.bus says it in a line
        "daphne": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}

os.environ.setdefault("DJANGO_RUNSERVER_HIDE_WARNING", "true")
