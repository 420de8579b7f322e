"""What the ground floor refuses, each with a stable code."""

from django.utils.translation import gettext_lazy as _


class AccountsError(Exception):
    """A verb was refused. `code` is stable and meant for programs; the text is for people."""

    code = "refused"
    text = _("This is refused.")

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or str(self.text))
        self.detail = detail


class NotAllowed(AccountsError):
    """Who acts lacks the role for it."""

    code = "not_allowed"
    text = _("Your role does not allow this.")


class OwnRole(AccountsError):
    """Nobody grants or takes a role of their own."""

    code = "own_role"
    text = _("A second person must change your roles.")


class LastOperator(AccountsError):
    """Without an operator nobody could grant roles any more."""

    code = "last_operator"
    text = _("This is the last operator; grant the role to another person first.")


class PersonExists(AccountsError):
    """The e-mail address has an account."""

    code = "person_exists"
    text = _("A person with this e-mail address exists already.")


class PartyExists(AccountsError):
    """The code is taken."""

    code = "party_exists"
    text = _("A party with this code exists already.")


class BadPayoutDetails(AccountsError):
    """Where to pay a party is not said completely."""

    code = "payout_details"
    text = _("Say the account holder, the bank or service, and an account number or address of at least 5 characters.")


class BatchReversed(AccountsError):
    """An import is reversed once."""

    code = "batch_reversed"
    text = _("This import has been reversed already.")
