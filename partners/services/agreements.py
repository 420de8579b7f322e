"""Agreements and drafts of their versions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from ledger.splits.accounts import payable
from ledger.splits.problems import Problem
from ledger.splits.reading import shown
from partners.choices import MeterPeriod, PayingModel, Precedence, SelfPurchase, VersionKind, VersionState
from partners.errors import AgreementError, RuleRefusedError
from partners.models import Agreement, AgreementParty, AgreementVersion, BoundOrder, EarningDecision
from partners.selectors.terms import VALID
from partners.selectors.weighing import weighing_of
from partners.services.settled import as_settled, caps_where_paid, refuse_uncounted, settled_under
from partners.services.terms import DraftTerms, caps_of, refuse_draft

OURS = ("id", "version", "effective_from", "owner", "hold_days")
"""Fields of a rule that the version itself says; a draft may leave them out."""


@transaction.atomic
def agreement_create(
    *,
    code: str,
    title: str,
    title_zh: str = "",
    owner: Party,
    scope_id: str,
    scope_kind: str = "course",
    parties: Sequence[Party] = (),
    by: User | None = None,
) -> Agreement:
    """Open an agreement about one thing; its owner is a party of it, named or not."""
    if Agreement.objects.filter(code=code).exists():
        raise AgreementError(_("There is an agreement “%(code)s” already.") % {"code": code})
    if Agreement.objects.filter(scope_kind=scope_kind, scope_id=scope_id).exists():
        raise AgreementError(_("There is an agreement about this already; draft a new version of it."))
    with acting(actor=by.pk if by else None):
        agreement = Agreement.objects.create(
            code=code, title=title, title_zh=title_zh, owner=owner, scope_kind=scope_kind, scope_id=scope_id
        )
        AgreementParty.objects.bulk_create(
            [
                AgreementParty(agreement=agreement, party_id=pk)
                for pk in dict.fromkeys([owner.pk, *(p.pk for p in parties)])
            ]
        )
    return agreement


@transaction.atomic
def agreement_rename(*, agreement: Agreement, title: str, title_zh: str, by: User | None = None) -> Agreement:
    """Change the titles; texts that were proposed keep the title of their day."""
    row = Agreement.objects.select_for_update().get(pk=agreement.pk)
    row.title, row.title_zh = title, title_zh
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["title", "title_zh"])
    return row


@transaction.atomic
def agreement_party_add(*, agreement: Agreement, party: Party, by: User | None = None) -> AgreementParty:
    """Name another party; from then on it may read the agreement, and a version may pay it."""
    with acting(actor=by.pk if by else None):
        return AgreementParty.objects.get_or_create(agreement=agreement, party=party)[0]


@transaction.atomic
def version_draft(
    *, agreement: Agreement, rule: Mapping[str, Any], terms: DraftTerms, by: User | None
) -> AgreementVersion:
    """Draft the next version. RuleRefusedError names the clause that cannot be applied."""
    locked = Agreement.objects.select_for_update(of=("self",)).select_related("owner").get(pk=agreement.pk)
    last = locked.versions.order_by("-number").values_list("number", flat=True).first() or 0
    full = full_rule(rule=rule, code=locked.code, number=last + 1, owner=locked.owner.code, terms=terms)
    refuse_draft(rule=full, terms=terms, parties=_codes(locked))
    refuse_overlap(agreement=locked, start=terms.effective_from)
    refuse_settled(agreement=locked, start=terms.effective_from)
    with acting(actor=by.pk if by else None):
        return AgreementVersion.objects.create(
            agreement=locked, number=last + 1, created_by=by, **version_fields(full, terms)
        )


@transaction.atomic
def correction_draft(
    *,
    agreement: Agreement,
    rule: Mapping[str, Any],
    terms: DraftTerms,
    order_codes: Sequence[str],
    by: User | None,
) -> AgreementVersion:
    """Draft a version of kind correction, for these settled orders of the agreement and no others.

    Of `terms` it takes the holding period and the note: it begins when the first of them was placed, and what decided
    who brought the learner, caps, volumes and the days of a reserve stays as they were settled. AgreementError names
    orders that were not settled under the agreement, or terms in which the versions behind them differ.
    """
    locked = Agreement.objects.select_for_update(of=("self",)).select_related("owner").get(pk=agreement.pk)
    last = locked.versions.order_by("-number").values_list("number", flat=True).first() or 0
    full, terms = _correcting(locked, last + 1, rule, terms, order_codes)
    with acting(actor=by.pk if by else None):
        version = AgreementVersion.objects.create(
            agreement=locked,
            number=last + 1,
            kind=VersionKind.CORRECTION,
            created_by=by,
            **version_fields(full, terms),
        )
    BoundOrder.objects.bulk_create(
        [BoundOrder(version=version, order_code=code) for code in dict.fromkeys(order_codes)]
    )
    return version


@transaction.atomic
def version_redraft(
    *,
    version: AgreementVersion,
    rule: Mapping[str, Any],
    terms: DraftTerms,
    by: User | None,
    order_codes: Sequence[str] = (),
) -> AgreementVersion:
    """Change a draft; whoever changes it is the one who prepared it. `order_codes` are a correction's orders."""
    row = lock_version(version)
    if row.state != VersionState.DRAFT:
        raise AgreementError(
            _("Version %(number)d was proposed and never changes; draft a new one.") % {"number": row.number}
        )
    agreement = row.agreement
    if row.kind == VersionKind.CORRECTION:
        full, terms = _correcting(agreement, row.number, rule, terms, order_codes)
        row.orders.all().delete()
        BoundOrder.objects.bulk_create(
            [BoundOrder(version=row, order_code=code) for code in dict.fromkeys(order_codes)]
        )
    else:
        full = full_rule(rule=rule, code=agreement.code, number=row.number, owner=agreement.owner.code, terms=terms)
        refuse_draft(rule=full, terms=terms, parties=_codes(agreement))
        refuse_overlap(agreement=agreement, start=terms.effective_from)
        refuse_settled(agreement=agreement, start=terms.effective_from)
    for field, value in version_fields(full, terms).items():
        setattr(row, field, value)
    row.created_by = by
    with acting(actor=by.pk if by else None):
        row.save()
    return row


@transaction.atomic
def version_withdraw(*, version: AgreementVersion, by: User | None) -> AgreementVersion:
    """Take a version back that is not in force yet."""
    row = lock_version(version)
    if row.state not in {VersionState.DRAFT, VersionState.PROPOSED, VersionState.ACCEPTED}:
        raise AgreementError(_("Version %(number)d held or holds; it cannot be withdrawn.") % {"number": row.number})
    row.state = VersionState.WITHDRAWN
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["state"])
    return row


def lock_version(version: AgreementVersion) -> AgreementVersion:
    """Lock a version's row and read it again, with its agreement and owner."""
    return (
        AgreementVersion.objects.select_for_update(of=("self",)).select_related("agreement__owner").get(pk=version.pk)
    )


def full_rule(*, rule: Mapping[str, Any], code: str, number: int, owner: str, terms: DraftTerms) -> dict[str, Any]:
    """Complete a rule with what its version says: id, number, start, owner, holding period.

    RuleRefusedError where the rule itself names another start, owner or holding period: who wrote it meant that.
    """
    ours = {
        "id": code,
        "version": number,
        "effective_from": terms.effective_from.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "owner": payable(owner),
        "hold_days": terms.hold_days,
    }
    otherwise = [
        Problem("said_otherwise", name, {"found": shown(rule[name]), "said": shown(ours[name])})
        for name in ("effective_from", "owner", "hold_days")
        if rule.get(name) is not None and not _the_same(rule[name], ours[name])
    ]
    if otherwise:
        raise RuleRefusedError(" · ".join(problem.worded(_) for problem in otherwise), otherwise)
    return ours | own_of(rule)


def own_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule without what its version says."""
    return {key: value for key, value in rule.items() if key not in OURS}


def _the_same(written: Any, ours: Any) -> bool:
    """Whether a rule names what its version says; instants may be written with any offset."""
    if type(written) is type(ours) and written == ours:
        return True
    try:
        return datetime.fromisoformat(written) == datetime.fromisoformat(ours)
    except (TypeError, ValueError):
        return False


def version_fields(full: Mapping[str, Any], terms: DraftTerms) -> dict[str, Any]:
    """The model's fields that a complete rule and its terms fill."""
    asked = weighing_of(terms)
    return {
        "rule": dict(full),
        "paying_model": PayingModel(terms.paying_model),
        "window_days": terms.window_days,
        "half_life_days": asked.half_life_days,
        "position_weights": list(asked.weights),
        "hold_days": terms.hold_days,
        "reserve_days": terms.reserve_days,
        "caps": caps_of(list(terms.caps)),
        "meter": MeterPeriod(terms.meter),
        "precedence": Precedence(terms.precedence),
        "self_purchase": SelfPurchase(terms.self_purchase),
        "note": terms.note,
        "effective": DateTimeTZRange(terms.effective_from, None),
    }


def refuse_overlap(*, agreement: Agreement, start: datetime) -> None:
    """Raise RuleRefusedError where a version that held or holds began at `start` or later: two never hold at once."""
    latest = (
        AgreementVersion.objects.filter(
            agreement=agreement, kind=VersionKind.STANDARD, state__in=VALID, effective__startswith__gte=start
        )
        .order_by("-effective__startswith")
        .first()
    )
    if latest is not None:
        raise RuleRefusedError(
            _(
                "effective_from lies in the range of another version: version %(number)d holds from %(start)s, and two "
                "versions never hold at once. Let this one begin after that."
            )
            % {"number": latest.number, "start": moment(latest.starts)}
        )


def refuse_settled(*, agreement: Agreement, start: datetime) -> None:
    """Raise RuleRefusedError where an order of the agreement that was placed at `start` or later is settled by now.

    Call it where all rows are visible.
    """
    settled = EarningDecision.objects.filter(placed_at__gte=start)
    under = settled.filter(version__agreement=agreement) | settled.filter(
        version=None, item_kind=agreement.scope_kind, item_id=agreement.scope_id
    )
    latest = under.order_by("-placed_at").values_list("placed_at", flat=True).first()
    if latest is not None:
        raise RuleRefusedError(
            _(
                "effective_from lies before orders that are settled, up to %(latest)s; they keep their terms. Let the "
                "version begin after that."
            )
            % {"latest": moment(latest)}
        )


def moment(at: datetime) -> str:
    """An instant in words, by the clock of the house and in the reader's language."""
    return str(formats.date_format(timezone.localtime(at), "DATETIME_FORMAT"))


def _correcting(
    agreement: Agreement, number: int, rule: Mapping[str, Any], terms: DraftTerms, order_codes: Sequence[str]
) -> tuple[dict[str, Any], DraftTerms]:
    """The complete rule and the terms of a correction, or why it cannot be drafted."""
    settled = settled_under(agreement, order_codes)
    terms = as_settled(terms, settled)
    full = full_rule(rule=rule, code=agreement.code, number=number, owner=agreement.owner.code, terms=terms)
    terms = caps_where_paid(terms, full)
    refuse_draft(rule=full, terms=terms, parties=_codes(agreement))
    refuse_uncounted(full, settled)
    return full, terms


def _codes(agreement: Agreement) -> set[str]:
    return set(agreement.parties.values_list("party__code", flat=True))
