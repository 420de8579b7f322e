"""Django's settings. What may differ between installations comes from the table in `portal.env`, nothing else."""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from portal import connections, env, logs, theme

env.check()

BASE_DIR = env.BASE_DIR
DATA_DIR = env.data_dir()

# --- what this installation is -------------------------------------------------------------------------------------
DEBUG = env.flag("PORTAL_DEBUG")
DEMO = env.flag("PORTAL_DEMO")
EMBEDDED_DATABASE = not env.text("DATABASE_URL")
EMBEDDED_BROKER = not env.text("BROKER_URL")
EMBEDDED_CACHE = not env.text("CACHE_URL")
PLATFORM_NAME = env.text("PORTAL_PLATFORM_NAME")
BASE_URL = connections.base_url()
CURRENCY = env.text("PORTAL_CURRENCY")
TAX_BP = env.integer("PORTAL_TAX_BP")
TAX_INCLUSIVE = env.flag("PORTAL_TAX_INCLUSIVE")
REFUND_APPROVAL_MINOR = env.integer("PORTAL_REFUND_APPROVAL_MINOR")
ADJUSTMENT_LIMIT_MINOR = env.integer("PORTAL_ADJUSTMENT_LIMIT_MINOR")
CLAIM_DAYS = env.integer("PORTAL_CLAIM_DAYS")
CLAIM_APPEAL_DAYS = env.integer("PORTAL_CLAIM_APPEAL_DAYS")
TEST_PAYMENT = DEMO or env.flag("PORTAL_TEST_PAYMENT")
INJECTION_SECONDS = env.integer("PORTAL_INJECTION_SECONDS")
if TEST_PAYMENT and not env.is_set("PORTAL_INJECTION_SECONDS"):
    INJECTION_SECONDS = 0
DEVICE = env.text("PORTAL_DEVICE")
CONSENT_FIRST = env.text("PORTAL_CONSENT") == "ask"
TOUCH_KEYS = env.listing("PORTAL_TOUCH_KEYS")
METRICS = env.flag("PORTAL_METRICS")
OUTBOX_DAYS = env.integer("PORTAL_OUTBOX_DAYS")
TOUCH_MONTHS = env.integer("PORTAL_TOUCH_MONTHS")
ORDER_HOURS = env.integer("PORTAL_ORDER_HOURS")
SECRET_KEY = connections.secret_key(DATA_DIR)
SECRET_KEY_FALLBACKS = env.listing("PORTAL_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.listing("PORTAL_ALLOWED_HOSTS")

# --- apps ----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal.apps.PortalConfig",  # first: its `migrate` and `makemessages` come before Django's
    "portal.apps.BackOfficeConfig",  # Unfold, over our own site
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "import_export",
    "django_htmx",
    "template_partials",
    "pgtrigger",
    "pghistory",
    "csp",
    "django_celery_beat",
    "django_prometheus",
    "django_structlog",
    "accounts",
    "events",
    "ledger",
    "partners",
    "courses",
    "analytics",
    "recommender",
]
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "analytics.middleware.LinkMiddleware",  # before all that a redirect does not need
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.PersonMiddleware",
    "portal.middleware.NoteMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.LogMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "analytics.middleware.VisitorMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "accounts.middleware.ScopeMiddleware",  # innermost: its transaction holds the view and the rendering, nothing else
]

if not METRICS:  # nobody would read what they count
    MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("django_prometheus.")]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "portal.context.installation",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS += ["django.forms"]

# --- database, cache, broker ---------------------------------------------------------------------------------------
DATABASES = connections.databases()
DATABASE_ROUTERS = ["portal.router.OwnerMigrates"]
CACHES = connections.caches()
SESSION_ENGINE = "portal.backend.sessions"

CELERY_BROKER_URL = env.text("BROKER_URL") or "embedded:"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = connections.broker_options()
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_TIME_LIMIT = 3600
# By the task's name, APP.VERB; the first pattern that fits wins, everything else goes to `default`.
CELERY_TASK_ROUTES = (
    [
        ("ledger.*", {"queue": "money"}),
        ("partners.payout*", {"queue": "money"}),
        ("partners.release*", {"queue": "money"}),
        ("partners.seal", {"queue": "money"}),
        ("partners.statement*", {"queue": "money"}),
        ("recommender.train*", {"queue": "training"}),
    ],
)
CELERY_TIMEZONE = env.text("PORTAL_TIME_ZONE")
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "events.sweep": {"task": "events.sweep", "schedule": timedelta(seconds=30), "options": {"expires": 30}},
    "accounts.sessions_clear": {"task": "accounts.sessions_clear", "schedule": crontab(hour=4, minute=40)},
    "events.purge": {"task": "events.purge", "schedule": crontab(hour=4, minute=20)},
    "portal.touches_expire": {"task": "portal.touches_expire", "schedule": crontab(hour=4, minute=50)},
    "courses.expire": {"task": "courses.expire", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
    "ledger.payout_runs": {"task": "ledger.payout_runs", "schedule": timedelta(minutes=1), "options": {"expires": 60}},
    "partners.release_reserves": {"task": "partners.release_reserves", "schedule": crontab(hour=2, minute=30)},
    "partners.claims_remind": {"task": "partners.claims_remind", "schedule": timedelta(hours=1)},
    "partners.statements_issue": {"task": "partners.statements_issue", "schedule": timedelta(hours=1)},
    "ledger.seal": {"task": "ledger.seal", "schedule": timedelta(minutes=15), "options": {"expires": 900}},
    "partners.seal": {"task": "partners.seal", "schedule": timedelta(minutes=15), "options": {"expires": 900}},
    "ledger.snapshot": {"task": "ledger.snapshot", "schedule": crontab(hour=2, minute=20)},
    "ledger.verify": {"task": "ledger.verify", "schedule": crontab(hour=2, minute=40)},
    "analytics.partitions": {"task": "analytics.partitions", "schedule": timedelta(hours=12)},
    "analytics.mirror": {"task": "analytics.mirror", "schedule": timedelta(minutes=15), "options": {"expires": 900}},
    "analytics.report_nightly": {"task": "analytics.report_nightly", "schedule": crontab(hour=3, minute=10)},
    "recommender.mail_weekly": {
        "task": "recommender.mail_weekly",
        "schedule": crontab(hour=8, minute=10, day_of_week="tue"),
    },
    "recommender.train_nightly": {"task": "recommender.train_nightly", "schedule": crontab(hour=3, minute=40)},
    "recommender.train_sweep": {
        "task": "recommender.train_sweep",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "recommender.train_hourly": {"task": "recommender.train_hourly", "schedule": crontab(minute=20)},
    "recommender.train_compare": {"task": "recommender.train_compare", "schedule": crontab(hour=3, minute=20)},
}
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- language, time, money -----------------------------------------------------------------------------------------
LANGUAGE_CODE = env.text("PORTAL_LANGUAGE")
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]  # each in its own words, in every language
LOCALE_PATHS = [BASE_DIR / "platform" / "portal" / "locale"]
FORMAT_MODULE_PATH = ["portal.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("PORTAL_TIME_ZONE")

# --- files ---------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": connections.static_storage(debug=DEBUG)},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20

# --- who may come in -----------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["accounts.rules.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "portal.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none" if DEMO else "mandatory"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if env.flag("PORTAL_HTTPS") else "http"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a mail when password, address or second factor change
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "reauthenticate": "10/m/user",
}
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env.flag("PORTAL_PROXY") else 0
ACCOUNT_LOGOUT_ON_GET = False
PASSWORD_RESET_TIMEOUT = int(timedelta(hours=1).total_seconds())
ACCOUNT_REAUTHENTICATION_REQUIRED = True
STAFF_SECOND_FACTOR = not DEMO
ACCOUNT_FORMS = {
    "login": "portal.forms.EnterForm",
    "signup": "portal.forms.JoinForm",
    "add_email": "portal.forms.OtherAddressForm",
    "reset_password": "portal.forms.LinkForm",
    "change_password": "portal.forms.OtherPasswordForm",
    "reset_password_from_key": "portal.forms.ForgottenPasswordForm",
}
MFA_ADAPTER = "portal.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "activate_totp": "portal.forms.FirstCodeForm",
    "add_webauthn": "portal.forms.AddKeyForm",
    "authenticate": "portal.forms.CodeForm",
    "edit_webauthn": "portal.forms.EditKeyForm",
    "reauthenticate": "portal.forms.CodeAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off
MFA_TOTP_ISSUER = PLATFORM_NAME
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG

# --- what a browser may do -----------------------------------------------------------------------------------------
HTTPS = env.flag("PORTAL_HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
CSRF_COOKIE_HTTPONLY = True  # htmx sends the token from the page, never from the cookie
CSRF_FAILURE_VIEW = "portal.views.form_too_old"
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(BASE_URL))]
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = env.flag("PORTAL_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
ADMIN_CSP_UPDATE = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}

# --- programs ------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 50,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tributary API",
    "DESCRIPTION": "Creators, partners, channels, orders, attribution, earnings. Money is integer minor units.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
IMPORT_EXPORT_USE_TRANSACTIONS = True
IMPORT_EXPORT_SKIP_ADMIN_LOG = False

# --- audit, mail, logs ---------------------------------------------------------------------------------------------
PGHISTORY_APPEND_ONLY = True
PGHISTORY_ADMIN_ALL_EVENTS = False
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("PORTAL_MAIL_FROM")
LOGGING = logs.configure(env.text("PORTAL_LOG_LEVEL"), env.text("PORTAL_LOG_FORMAT"))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line a request is enough
PROMETHEUS_EXPORT_MIGRATIONS = False

UNFOLD = theme.unfold(PLATFORM_NAME)

globals().update(connections.email(DATA_DIR))
