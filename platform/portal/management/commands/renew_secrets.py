from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal.ciphers import SecretUnreadableError, decrypt, encrypt

FIELDS = ("secret", "seed")
LISTS = ("migrated_codes",)


class Command(BaseCommand):
    help = (
        "Encrypt the seeds of authenticator apps and recovery codes anew under PORTAL_SECRET_KEY. Run it when that "
        "key has changed, with the old one in PORTAL_SECRET_KEY_FALLBACKS; then the old may go. May be run again.\n\n"
        "Example: PORTAL_SECRET_KEY_FALLBACKS=the-old-key manage.py renew_secrets"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            factors = Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN).order_by("pk")
            renewed = 0
            for factor in factors:
                try:
                    fresh = {name: _fresh(name, value) for name, value in factor.data.items()}
                except SecretUnreadableError as error:
                    raise CommandError(f"second factor {factor.pk} of person {factor.user_id}: {error}") from error
                factor.data = fresh
                factor.save(update_fields=["data"])
                renewed += 1
        self.stdout.write(f"{renewed} second factors are encrypted under PORTAL_SECRET_KEY")


def _fresh(name: str, value: Any) -> Any:
    if name in FIELDS:
        return encrypt(decrypt(value))
    if name in LISTS:
        return [encrypt(decrypt(each)) for each in value]
    return value
