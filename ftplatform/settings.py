"""Settings: one file, environment variables read once in `environment.py`, documented in docs/configuration.md.

Together with urls.py, asgi.py and celery.py this is the composition root, the only place that names all rooms.
"""

from pathlib import Path

from csp.constants import NONE, SELF

from ftplatform import environment
from ftplatform.local.home import broker_url

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = environment.read()

SECRET_KEY = ENV.secret_key
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
SITE_IS_HTTPS = ENV.public_url.startswith("https://")

INSTALLED_APPS = [
    "training",
    "evaluation",
    "inference",
    "annotation",
    "ftplatform.ui",
    "ftplatform.api",
    "ftplatform.jobs",
    "ftplatform.artifacts",
    "ftplatform.audit",
    "ftplatform.projects",
    "ftplatform.accounts",
    "ftplatform.local",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "ftplatform.ui.middleware.ErrorPages",
]

ROOT_URLCONF = "ftplatform.urls"
ASGI_APPLICATION = "ftplatform.asgi.application"
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
                "ftplatform.ui.context.frame",
            ],
            "builtins": ["ftplatform.ui.templatetags.ui"],
        },
    }
]

DATABASES = {"default": environment.database(ENV.database_url, pool=ENV.pool)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ENV.valkey_url,
        "KEY_PREFIX": "ft",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "ftplatform.accounts.adapter.InvitedOnly"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_PREVENT_ENUMERATION = True
# Behind the TLS proxy every request comes from the proxy's address: limits by address go by what it says of the client.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if SITE_IS_HTTPS else 0
# Without a mail server a message goes to the log, and the pages send people to the operator instead.
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if ENV.mail else 'console'}.EmailBackend"
if ENV.mail:
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = ENV.mail.host, ENV.mail.port, 20
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENV.mail.user, ENV.mail.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = ENV.mail.is_tls, not ENV.mail.is_tls
    DEFAULT_FROM_EMAIL = ENV.mail.sender

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False

STATIC_URL = "/static/"
STATIC_ROOT = ENV.home / "static"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(ENV.artifacts)},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# The content policy: nothing inline, nothing from elsewhere.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SITE_IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if SITE_IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SITE_IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SITE_IS_HTTPS else None
CSRF_TRUSTED_ORIGINS = [ENV.public_url] if ENV.public_url else []
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ftplatform.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "ftplatform.api.parsing.KeepableJSON",
        "rest_framework.parsers.MultiPartParser",
        "rest_framework.parsers.FormParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "ftplatform.api.paging.ByKey",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ftplatform.api.problems.handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ftplatform",
    "DESCRIPTION": "The whole loop from tickets to a verdict, as JSON. Errors are RFC 9457 problem documents.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "InputKind": ["text", "markdown", "code"],
        "ScorecardKind": "evaluation.models.Scorecard.Kind",
        "CampaignState": "evaluation.models.Campaign.State",
        "FieldKind": ["choice", "multi", "text", "number", "spans", "rating"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ftplatform.api.schema.add_problems",
    ],
}

CELERY_BROKER_URL = broker_url(ENV.valkey_url)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = (
    False  # the queue of record is PostgreSQL; with late ack kombu redelivers a long run after 3600 s
)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_keepalive": False}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO" if not DEBUG else "DEBUG"},
    "loggers": {"httpx": {"level": "WARNING"}, "faker": {"level": "WARNING"}},
}

# Ours
FT_HOME = ENV.home
FT_MODEL_DIRS = ENV.model_dirs
FT_OUTBOUND_HOSTS = ENV.outbound_hosts
FT_ENGINE_THREADS = ENV.engine_threads
FT_SENDS_MAIL = ENV.mail is not None
FT_PUBLIC_URL = ENV.public_url
