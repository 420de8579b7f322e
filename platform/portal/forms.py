"""allauth's forms with labels of our own: its "Name" is not translated, its "Code" is a coupon's."""

from typing import Any

from allauth.account.forms import (
    AddEmailForm,
    ChangePasswordForm,
    LoginForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SignupForm,
)
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn import forms
from django.forms import Field
from django.utils.translation import gettext_lazy as _


class EnterForm(LoginForm):  # type: ignore[misc]  # allauth ships no types
    """E-mail and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["login"], _("E-mail"))
        if "remember" in self.fields:
            _call(self.fields["remember"], _("Stay logged in on this device"))


class JoinForm(SignupForm):  # type: ignore[misc]
    """A new account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["email"], _("E-mail"))
        _call(self.fields["password2"], _("The password again"))


class OtherAddressForm(AddEmailForm):  # type: ignore[misc]
    """Another address of one's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["email"], _("E-mail"))


class LinkForm(ResetPasswordForm):  # type: ignore[misc]
    """Where the link for a new password goes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["email"], _("E-mail"))


class OtherPasswordForm(ChangePasswordForm):  # type: ignore[misc]
    """Another password, by who knows the one of today."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["oldpassword"], _("Current password"))
        _name_passwords(self.fields)


class ForgottenPasswordForm(ResetPasswordKeyForm):  # type: ignore[misc]
    """Another password, by who holds the link of the mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_passwords(self.fields)


class AddKeyForm(forms.AddWebAuthnForm):  # type: ignore[misc]
    """A key to be registered, with the name that its owner knows it by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["name"], _("Name of the key"))


class EditKeyForm(forms.EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["name"], _("Name of the key"))


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """The code of an app or a recovery code, after the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["code"], _("Sign-in code"))


class CodeAgainForm(ReauthenticateForm):  # type: ignore[misc]
    """The same, before something that is better asked twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["code"], _("Sign-in code"))


class FirstCodeForm(ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an app that is being set up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _call(self.fields["code"], _("Sign-in code"))


def _name_passwords(fields: dict[str, Field]) -> None:
    _call(fields["password1"], _("New password"))
    _call(fields["password2"], _("The new password again"))


def _call(field: Field, label: Any) -> None:
    """By our own label, and without the library's placeholder, which says its own."""
    field.label = label
    field.widget.attrs.pop("placeholder", None)
