"""Tables of the ground floor."""

from accounts.models.audit import AuditEntry
from accounts.models.batch import ImportBatch, ImportedRow
from accounts.models.consent import Consent
from accounts.models.erasure import Erasure
from accounts.models.party import Party, Seat
from accounts.models.payee import PayoutDetails
from accounts.models.user import RoleGrant, User

__all__ = [
    "AuditEntry",
    "Consent",
    "Erasure",
    "ImportBatch",
    "ImportedRow",
    "Party",
    "PayoutDetails",
    "RoleGrant",
    "Seat",
    "User",
]
