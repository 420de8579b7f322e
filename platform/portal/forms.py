"""allauth's forms for second factors with labels of our own: "Name" is not translated, "Code" is a coupon's."""

from typing import Any

from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn import forms
from django.forms import Field
from django.utils.translation import gettext_lazy as _


class AddKeyForm(forms.AddWebAuthnForm):  # type: ignore[misc]  # allauth ships no types
    """A key to be registered, with the name that its owner knows it by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name of the key")


class EditKeyForm(forms.EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name of the key")


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """The code of an app or a recovery code, after the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_code(self.fields["code"])


class CodeAgainForm(ReauthenticateForm):  # type: ignore[misc]
    """The same, before something that is better asked twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_code(self.fields["code"])


class FirstCodeForm(ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an app that is being set up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_code(self.fields["code"])


def _name_code(field: Field) -> None:
    field.label = _("Sign-in code")
    field.widget.attrs["placeholder"] = _("Sign-in code")
