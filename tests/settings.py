"""The portal's settings for tests: quick password hashes, mail kept in memory, static files from their source."""

import os

from portal.settings import *  # noqa: F403
from portal.settings import CACHES, STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
# Tests of pages log staff in without a code; tests/accounts/test_second_factor.py switches this on.
STAFF_SECOND_FACTOR = False
TEST_PAYMENT = True
INJECTION_SECONDS = 0

# Messages go nowhere: the outbox is the queue of record, and a test that wants handlers to run calls the relay.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}

# Each test process keeps to a Valkey database of its own: 0 is the broker's, 1 the portal's.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
if CACHES["default"]["LOCATION"] == "embedded":
    CACHES["default"]["LOCATION"] = f"embedded:{2 + _WORKER % 14}"
