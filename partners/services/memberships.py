"""Parties in the programme: admitting, deciding, tiers."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from partners.choices import MembershipState, Tier
from partners.errors import MembershipError
from partners.models import Membership

_STEPS: dict[str, frozenset[str]] = {
    MembershipState.APPLIED: frozenset({MembershipState.APPROVED, MembershipState.REJECTED}),
    MembershipState.APPROVED: frozenset({MembershipState.SUSPENDED, MembershipState.LEFT}),
    MembershipState.SUSPENDED: frozenset({MembershipState.APPROVED, MembershipState.LEFT}),
    MembershipState.REJECTED: frozenset({MembershipState.APPLIED}),
    MembershipState.LEFT: frozenset({MembershipState.APPLIED}),
}


@transaction.atomic
def party_apply(*, party: Party, headline: str = "", headline_zh: str = "", at: datetime | None = None) -> Membership:
    """Put a party's wish to join on the manager's desk; MembershipError if it stands there already."""
    if Membership.objects.filter(party=party).exists():
        raise MembershipError(_("%(party)s is in the programme already.") % {"party": party})
    return Membership.objects.create(
        party=party, headline=headline, headline_zh=headline_zh, applied_at=at or timezone.now()
    )


@transaction.atomic
def party_admit(
    *,
    party: Party,
    by: User | None = None,
    tier: str = Tier.STANDARD,
    headline: str = "",
    headline_zh: str = "",
    at: datetime | None = None,
) -> Membership:
    """Let a party into the programme at once, as an approved member."""
    with acting(actor=by.pk if by else None):
        membership = party_apply(party=party, headline=headline, headline_zh=headline_zh, at=at)
        membership.tier = tier
        membership.save(update_fields=["tier"])
        return membership_decide(membership=membership, state=MembershipState.APPROVED, by=by, at=at)


@transaction.atomic
def memberships_admit(
    *, party_ids: Collection[int], at: datetime | None = None, by: User | None = None, tier: str = Tier.STANDARD
) -> None:
    """Let many parties in as approved members, in one query; those who are in stay as they are."""
    moment = at or timezone.now()
    with acting(actor=by.pk if by else None):
        Membership.objects.bulk_create(
            [
                Membership(
                    party_id=party, state=MembershipState.APPROVED, tier=tier, applied_at=moment, decided_at=moment
                )
                for party in party_ids
            ],
            ignore_conflicts=True,
        )


@transaction.atomic
def membership_decide(
    *, membership: Membership, state: str, by: User | None, note: str = "", at: datetime | None = None
) -> Membership:
    """Move a member to another state; MembershipError for a step that the programme does not know."""
    row = Membership.objects.select_for_update().select_related("party").get(pk=membership.pk)
    if state not in _STEPS[row.state]:
        raise MembershipError(
            _("%(party)s is “%(now)s” and cannot become “%(then)s” from there.")
            % {"party": row.party, "now": row.get_state_display(), "then": MembershipState(state).label}
        )
    row.state = state
    row.decided_at = at or timezone.now()
    if note:
        row.note = f"{row.note}\n{note}".strip()
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["state", "decided_at", "note"])
    return row


@transaction.atomic
def membership_tier_set(*, membership: Membership, tier: str, by: User | None) -> Membership:
    """Change a member's tier."""
    row = Membership.objects.select_for_update().get(pk=membership.pk)
    row.tier = Tier(tier)
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["tier"])
    return row


@transaction.atomic
def membership_describe(
    *, membership: Membership, headline: str, headline_zh: str, note: str, by: User | None
) -> Membership:
    """Change what learners read of a member, and the note of the house."""
    row = Membership.objects.select_for_update().get(pk=membership.pk)
    row.headline, row.headline_zh, row.note = headline, headline_zh, note
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["headline", "headline_zh", "note"])
    return row
