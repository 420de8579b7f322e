"""Claims: filed by a party, weighed by evidence, decided by the house, appealed once."""

from partners.services.claims.clock import claims_remind
from partners.services.claims.deciding import (
    Acceptance,
    claim_accept,
    claim_confirm,
    claim_refuse,
    claim_remedy,
    claim_send_back,
    gathering_of,
)
from partners.services.claims.evidence import ClaimCredit, ClaimedOrder, ClaimEvidence, ClaimTouch
from partners.services.claims.filing import appeal_until, claim_appeal, claim_file, claim_withdraw
from partners.services.claims.gather import claim_gathered
from partners.services.claims.remedy import Remedy, RemedyLine

__all__ = [
    "Acceptance",
    "ClaimCredit",
    "ClaimEvidence",
    "ClaimTouch",
    "ClaimedOrder",
    "Remedy",
    "RemedyLine",
    "appeal_until",
    "claim_accept",
    "claim_appeal",
    "claim_confirm",
    "claim_file",
    "claim_gathered",
    "claim_refuse",
    "claim_remedy",
    "claim_send_back",
    "claim_withdraw",
    "claims_remind",
    "gathering_of",
]
