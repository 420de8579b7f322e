"""What templates ask about second factors."""

from django import template

from accounts.models import User
from accounts.selectors import second_factors

register = template.Library()


@register.filter
def factor_kinds(user: User) -> set[str]:
    """The kinds of second factor that a person has: "totp", "webauthn", "recovery_codes"."""
    return set(second_factors(user_id=user.pk).values())
