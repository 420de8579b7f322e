"""Saying where a party wants its money sent."""

from django.db import transaction

from accounts.choices import PayoutMethod, SeatRole
from accounts.errors import BadPayoutDetails, NotAllowed
from accounts.models import Party, PayoutDetails, Seat, User

SHORTEST = 5


@transaction.atomic
def payout_details_set(
    *, party: Party, method: str, holder: str, institution: str, reference: str, by: User
) -> PayoutDetails:
    """Keep where a party is paid from now on; saying the same again adds no row.

    Only an owner's seat may say it (NotAllowed); whoever calls has asked for the password again just before.
    BadPayoutDetails where something is missing. Payouts that were approved before go where they were approved to.
    """
    if not Seat.objects.filter(party=party, user=by, role=SeatRole.OWNER, user__is_active=True).exists():
        raise NotAllowed
    said = {"holder": holder.strip(), "institution": institution.strip(), "reference": "".join(reference.split())}
    if not all(said.values()) or len(said["reference"]) < SHORTEST or method not in PayoutMethod.values:
        raise BadPayoutDetails
    Party.objects.select_for_update(no_key=True).get(pk=party.pk)
    last = PayoutDetails.objects.filter(party=party).order_by("-pk").first()
    if last is not None and (last.method, last.holder, last.institution, last.reference) == (method, *said.values()):
        return last
    return PayoutDetails.objects.create(party=party, method=method, entered_by=by, **said)
