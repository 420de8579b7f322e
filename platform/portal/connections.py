"""URLs of outer services turned into Django's settings; where a URL is unset, the embedded service takes its place."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from portal import env

DATABASE_NAME, OWNER_ROLE, APP_ROLE = "tributary", "tributary_owner", "tributary_app"

DATABASE_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""A network that swallows packets keeps nobody longer than half a minute; left to themselves, hours. Of libpq."""

REDIS_PATIENCE = {"socket_connect_timeout": 5, "socket_timeout": 15, "socket_keepalive": True}
"""The same for the broker and the cache, in seconds. Of redis-py."""


def base_url() -> str:
    """PORTAL_BASE_URL without a closing slash; unset, this machine at the port that the web listens on."""
    row = env.BY_NAME["PORTAL_BASE_URL"]
    url = env.text(row.name)
    return f"http://localhost:{env.integer('PORTAL_PORT')}" if url == row.default else url.rstrip("/")


def databases() -> dict[str, dict[str, Any]]:
    """`default` (role app) and `owner` (migrations, proofs, erasure): two doors to one physical database."""
    app_url, owner_url = env.text("DATABASE_URL"), env.text("DATABASE_OWNER_URL")
    if not app_url and owner_url:
        raise env.VariableError("DATABASE_OWNER_URL is set but DATABASE_URL is not; set both or neither")
    if not app_url:
        embedded = {"ENGINE": "portal.backend", "NAME": DATABASE_NAME, "EMBEDDED": True, **_habits()}
        return {"default": {**embedded, "USER": APP_ROLE}, "owner": {**embedded, "USER": OWNER_ROLE}}
    app = database("DATABASE_URL", app_url)
    if not owner_url:
        # A web process need not know the owner's password; its owner door then has no user that could log in.
        return {"default": app, "owner": {**app, "USER": OWNER_ROLE, "PASSWORD": "", "WITHOUT_URL": True}}
    return {"default": app, "owner": database("DATABASE_OWNER_URL", owner_url)}


def database(name: str, url: str) -> dict[str, Any]:
    """One postgresql:// URL, the value of variable `name`, as an entry of DATABASES."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise env.VariableError(f"{name} must look like postgresql://USER:PASSWORD@HOST:PORT/NAME")
    return {
        "ENGINE": "portal.backend",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        **_habits(),
        "OPTIONS": {**DATABASE_PATIENCE, **dict(parse_qsl(parts.query))},
    }


def _habits() -> dict[str, Any]:
    return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def caches() -> dict[str, dict[str, Any]]:
    """The one cache: the embedded Valkey's database 1, or CACHE_URL; and `near`, what a process keeps of it itself."""
    url = env.text("CACHE_URL")
    near = {
        "BACKEND": "portal.backend.cache.NearCache",
        "TIMEOUT": 30,
        "OPTIONS": {"MAX_ENTRIES": 200},
    }
    far: dict[str, Any] = {"BACKEND": "portal.backend.cache.EmbeddedCache", "LOCATION": "embedded"}
    if url:
        far = {"BACKEND": "portal.backend.cache.Cache", "OPTIONS": dict(REDIS_PATIENCE), "LOCATION": url}
    return {"default": {**far, "KEY_PREFIX": "p"}, "near": near}


def broker_options() -> dict[str, Any]:
    """How Celery gets on with Redis or Valkey; RabbitMQ needs none of it.

    They give an unfinished task back after `visibility_timeout` seconds, which is longer than any task's limit. A reply
    that is overdue by `health_check_interval` means a dead connection.
    """
    url = env.text("BROKER_URL")
    if url.startswith("amqp"):
        return {}
    habits = {"visibility_timeout": 7200, "unacked_restore_interval": 10, "unacked_restore_throttle": 1}
    return {**habits, "health_check_interval": 8, **(REDIS_PATIENCE if url else {})}


def static_storage(*, debug: bool) -> str:
    """Static files under names with their hash; compressed as well on real servers, where nobody waits for it."""
    if debug:
        return "django.contrib.staticfiles.storage.StaticFilesStorage"
    if not env.text("DATABASE_URL"):
        return "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    return "whitenoise.storage.CompressedManifestStaticFilesStorage"


def email(data_dir: Path) -> dict[str, Any]:
    """EMAIL_URL as Django's EMAIL_* settings."""
    url = env.text("EMAIL_URL")
    parts = urlsplit(url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme == "file":
        folder = str(data_dir / "mail")
        return {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EMAIL_FILE_PATH": folder}
    if parts.scheme not in {"smtp", "smtps", "smtp+tls"} or not parts.hostname:
        raise env.VariableError("EMAIL_URL must begin with smtp://, smtps://, smtp+tls://, console: or file:")
    usual = {"smtp": 25, "smtps": 465, "smtp+tls": 587}
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or usual[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_TIMEOUT": 20,
    }


def secret_key(data_dir: Path) -> str:
    """PORTAL_SECRET_KEY; with embedded services a key generated once into the data folder (mode 0600)."""
    key = env.text("PORTAL_SECRET_KEY")
    if key:
        return key
    if env.text("DATABASE_URL"):
        raise env.VariableError("PORTAL_SECRET_KEY must be set when DATABASE_URL is")
    from portal.ground.folder import generated_secret

    return generated_secret(data_dir, "secret_key")
