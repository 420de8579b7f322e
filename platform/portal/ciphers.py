"""Encrypts the few secrets that the database must keep readable: seeds of authenticator apps and of recovery codes.

The key follows from SECRET_KEY. After a change of it, PORTAL_SECRET_KEY_FALLBACKS names the old ones, by which what is
there can still be read until `manage.py renew_secrets` has written it anew.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

MARK = "fernet:"
"""What a secret begins with in the database; one without it was stored before secrets were encrypted."""


class SecretUnreadableError(ValueError):
    """None of the keys in use has encrypted this."""


def encrypt(text: str) -> str:
    """The text under the newest key."""
    return MARK + _keys().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """The text again. SecretUnreadableError: its key is neither SECRET_KEY nor one of the fallbacks."""
    if not stored.startswith(MARK):
        return stored
    try:
        return _keys().decrypt(stored.removeprefix(MARK)).decode()
    except InvalidToken as error:
        raise SecretUnreadableError(
            "a stored secret cannot be read; name its key in PORTAL_SECRET_KEY_FALLBACKS"
        ) from error


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derived(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tributary second factor").derive(key.encode())
    return base64.urlsafe_b64encode(derived)
