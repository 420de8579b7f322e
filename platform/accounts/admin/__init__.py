"""The desk for people: accounts, roles, parties, imports, the audit trail."""

from accounts.admin.audit import AuditEntryAdmin
from accounts.admin.imports import ImportBatchAdmin, ImportedRowAdmin
from accounts.admin.parties import PartyAdmin, PayoutDetailsAdmin
from accounts.admin.people import ConsentAdmin, RoleGrantAdmin, UserAdmin
from accounts.admin.security import AuthenticatorAdmin, EmailAddressAdmin

__all__ = [
    "AuditEntryAdmin",
    "AuthenticatorAdmin",
    "ConsentAdmin",
    "EmailAddressAdmin",
    "ImportBatchAdmin",
    "ImportedRowAdmin",
    "PartyAdmin",
    "PayoutDetailsAdmin",
    "RoleGrantAdmin",
    "UserAdmin",
]
