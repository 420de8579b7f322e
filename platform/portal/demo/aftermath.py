"""The last stage of the demo: what happens after sales. Refunds, disputes, a correction, closed months, a payday.

Everything goes through the product's own verbs, two persons acting wherever two are required.
"""

from datetime import date, datetime, timedelta

from django.utils import timezone

from accounts.choices import PayoutMethod
from accounts.models import Party, User
from accounts.scope import all_rows
from accounts.services import payout_details_set
from courses.choices import OrderState
from courses.models import Order
from courses.services import (
    NewDispute,
    NewRefund,
    dispute_close,
    dispute_open,
    order_refund,
    refund_reverse,
)
from events.services import relay_all
from ledger.selectors import RunTerms
from ledger.services import (
    books_verified,
    period_close,
    period_prepare,
    run_approve,
    run_arrived,
    run_book,
    run_prepare,
    run_submit,
    seal_take,
)
from ledger.services.runs import leaves
from partners.models import Agreement, AgreementVersion
from partners.services import (
    DraftTerms,
    advance_approve,
    advance_prepare,
    correction_apply,
    correction_draft,
    guarantee_approve,
    guarantee_propose,
    papers_seal,
    reserves_release,
    version_accept,
    version_propose,
    version_put_in_force,
)
from portal.demo.claims import make_claims
from portal.demo.people import Cast
from portal.demo.progress import Progress

REASONS = ("Bought twice", "Expected another level", "Found it too short", "Paid by the employer after all")


def make_advances(cast: Cast, *, at: datetime) -> None:
    """Two creators are paid before they earn; half, or a third, of every later share pays it back."""
    for index, amount, bp in ((0, 800_000, 5_000), (5, 300_000, 3_333)):
        advance = advance_prepare(
            party=cast.creators[index],
            currency="CNY",
            amount_minor=amount,
            recoup_bp=bp,
            reason="For recording the next course",
            by=cast.maker,
            at=at,
        )
        advance_approve(advance=advance, by=cast.checker, at=at)


def make_payees(cast: Cast) -> None:
    """Everybody but a few says where to be paid."""
    for number, party in enumerate([*cast.creators, *cast.partners]):
        if number % 11 == 7:
            continue
        payout_details_set(
            party=party,
            method=PayoutMethod.BANK,
            holder=party.name,
            institution="Harbour Bank",
            reference=f"6222 {number:04d} 7719 {(number * 37) % 10_000:04d}",
            by=_owner(party),
        )


def make_aftermath(cast: Cast, *, last_day: date, progress: Progress) -> None:
    """All that follows the sales, in the order in which a school would do it."""
    with progress.stage("refunds and disputes"):
        with all_rows():
            _refunds(cast)
            _disputes(cast)
        relay_all()
    with progress.stage("correction, guarantees"), all_rows():
        reserves_release(at=_noon(last_day))
        _correction(cast)
        _guarantees(cast, last_day)
    with progress.stage("closing months"):
        _close_months(cast, last_day)
        relay_all()
    with progress.stage("payday"):
        _payday(cast, last_day)
    with progress.stage("claims, adjustments"):
        make_claims(cast, at=_noon(last_day))
    with progress.stage("proofs of the books"):
        seal_take()
        papers_seal()
        books_verified()


def _refunds(cast: Cast) -> None:
    """One order in thirty comes back: wholly, in part, or in two parts; one refund of them was a mistake."""
    for number, order in enumerate(_orders(step=30, start=7)):
        at = order.placed_at + timedelta(days=2 + number % 9, hours=5)
        if at > timezone.now():
            continue
        whole, part = order.total_minor, order.total_minor * 2 // 5
        amounts = ([whole], [part], [part, whole - part])[number % 3]
        for step, amount in enumerate(amounts):
            if not amount:
                continue
            refund = order_refund(
                order_id=order.pk,
                refund=NewRefund(
                    amount_minor=amount,
                    reason=REASONS[number % len(REASONS)],
                    provider="demo",
                    external_id=f"refund-{order.pk}-{step}",
                ),
                at=at + timedelta(hours=step),
                by=cast.checker,
            )
            if number == 4 and step == 0:
                refund_reverse(
                    refund_id=refund.pk, reason="The learner stayed", by=cast.checker, at=at + timedelta(days=1)
                )


def _disputes(cast: Cast) -> None:
    """A few payments are disputed: most are lost or won, the latest are still open."""
    orders = _orders(step=400, start=11)
    for number, order in enumerate(orders):
        at = order.placed_at + timedelta(days=12)
        if at > timezone.now():
            continue
        dispute = dispute_open(
            order_id=order.pk,
            dispute=NewDispute(
                amount_minor=order.total_minor,
                reason="The cardholder does not recognise the payment",
                fee_minor=1_500 if order.currency != "JPY" else 1_500 // 100 * 100,
                evidence_due=at + timedelta(days=14),
                provider="demo",
                external_id=f"dispute-{order.pk}",
            ),
            at=at,
            by=cast.checker,
        )
        ended = at + timedelta(days=20)
        if number % 3 != 2 and ended < timezone.now():
            dispute_close(dispute_id=dispute.pk, won=number % 2 == 0, at=ended, by=cast.checker)


def _correction(cast: Cast) -> None:
    """One course was sold for some weeks under a share that had been agreed otherwise."""
    agreement = Agreement.objects.filter(versions__state="in_force").order_by("pk")[2]
    version = agreement.versions.filter(state="in_force").order_by("-number")[0]
    orders = Order.objects.filter(state=OrderState.PAID, lines__course_id=int(agreement.scope_id))
    codes = list(orders.order_by("placed_at").values_list("code", flat=True)[:12])
    if not codes:
        return
    rule = {key: value for key, value in version.rule.items() if key in {"steps", "reserve_bp"}}
    steps = [dict(step) for step in rule["steps"]]
    steps[2]["bp"] = steps[2].get("bp", 3_000) - 500
    terms = DraftTerms(
        effective_from=version.starts,
        paying_model=version.paying_model,
        window_days=version.window_days,
        hold_days=version.hold_days,
        note="The school's share was agreed at five points less",
    )
    draft = correction_draft(
        agreement=agreement, rule={**rule, "steps": steps}, terms=terms, order_codes=codes, by=cast.maker
    )
    _in_force(draft, cast)
    correction_apply(version=AgreementVersion.objects.get(pk=draft.pk), by=cast.checker)


def _in_force(draft: AgreementVersion, cast: Cast) -> None:
    proposed = version_propose(version=draft, by=cast.maker)
    for row in proposed.agreement.parties.select_related("party"):
        version_accept(version=proposed, party=row.party, user=_owner(row.party), text_hash=proposed.text_hash)
    version_put_in_force(version=proposed, by=cast.checker)


def _guarantees(cast: Cast, last_day: date) -> None:
    """Two young creators are sure of a monthly sum for the last half year."""
    since = _month(last_day, back=6)
    for index, amount in ((20, 250_000), (31, 180_000)):
        guarantee = guarantee_propose(
            party=cast.creators[index],
            currency="CNY",
            monthly_minor=amount,
            since=since,
            until=None,
            note="The first year",
            by=cast.maker,
        )
        guarantee_approve(guarantee_id=guarantee.pk, by=cast.checker)


def _close_months(cast: Cast, last_day: date) -> None:
    """Close every month but the last two."""
    first = timezone.localdate(_orders(step=1, start=0)[0].placed_at).replace(day=1)
    month, end = _month(first, back=1), _month(last_day, back=2)
    while month <= end:
        with all_rows():
            period_prepare(month=month, by=cast.maker)
            period_close(month=month, by=cast.checker)
        month = _month(month, back=-1)


def _payday(cast: Cast, last_day: date) -> None:
    """Pay what was free at the end of the month before the last; a newer run waits for its second person."""
    cut_off = _noon(last_day.replace(day=1)) - timedelta(hours=13)
    with all_rows():
        run = run_prepare(terms=RunTerms("CNY", cut_off, minimum=10_000, increment=1), by=cast.maker)
        run_submit(run_id=run.pk, by=cast.maker)
        run_approve(run_id=run.pk, total_minor=leaves(run), by=cast.checker)
    run_book(run_id=run.pk)
    with all_rows():
        run_arrived(run_id=run.pk, by=cast.checker)
        waiting = run_prepare(terms=RunTerms("CNY", _noon(last_day), minimum=10_000), by=cast.maker)
        run_submit(run_id=waiting.pk, by=cast.maker)


def _orders(*, step: int, start: int) -> list[Order]:
    """Every so-many-th paid order that cost something, by time."""
    paid = Order.objects.filter(state=OrderState.PAID, total_minor__gt=0).order_by("placed_at", "pk")
    return list(paid[start::step])


def _owner(party: Party) -> User:
    return party.seats.select_related("user").order_by("pk")[0].user


def _month(day: date, *, back: int) -> date:
    """The first day of the month `back` months before a day's."""
    months = day.year * 12 + day.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=timezone.get_default_timezone())
