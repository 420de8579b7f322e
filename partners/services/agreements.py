"""Agreements and drafts of their versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from ledger.splits.accounts import is_payable, payable
from ledger.splits.parse import check_rule, parse_rule
from ledger.splits.rule import Rule, Tiered, final_parties
from partners.choices import PayingModel, Precedence, SelfPurchase, VersionState
from partners.errors import AgreementError, RuleRefusedError
from partners.models import Agreement, AgreementParty, AgreementVersion

_OURS = ("id", "version", "effective_from", "owner", "hold_days")
"""Fields of a rule that the version itself says; a draft may leave them out."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTerms:
    """What a version says beside its rule. Days are of 86,400 s from the order."""

    effective_from: datetime
    paying_model: str = PayingModel.LAST_TOUCH
    window_days: int = 30
    hold_days: int = 7
    precedence: str = Precedence.COUPON
    self_purchase: str = SelfPurchase.REFUSE
    note: str = ""


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
    refuse_rule(rule=full, parties=_codes(locked))
    with acting(actor=by.pk if by else None):
        return AgreementVersion.objects.create(
            agreement=locked, number=last + 1, created_by=by, **version_fields(full, terms)
        )


@transaction.atomic
def version_redraft(
    *, version: AgreementVersion, rule: Mapping[str, Any], terms: DraftTerms, by: User | None
) -> AgreementVersion:
    """Change a draft; whoever changes it is the one who prepared it."""
    row = lock_version(version)
    if row.state != VersionState.DRAFT:
        raise AgreementError(
            _("Version %(number)d was proposed and never changes; draft a new one.") % {"number": row.number}
        )
    agreement = row.agreement
    full = full_rule(rule=rule, code=agreement.code, number=row.number, owner=agreement.owner.code, terms=terms)
    refuse_rule(rule=full, parties=_codes(agreement))
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
    """Complete a rule with what its version says: id, number, start, owner, holding period."""
    own = {key: value for key, value in rule.items() if key not in _OURS}
    return {
        "id": code,
        "version": number,
        "effective_from": terms.effective_from.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "owner": payable(owner),
        "hold_days": terms.hold_days,
        **own,
    }


def version_fields(full: Mapping[str, Any], terms: DraftTerms) -> dict[str, Any]:
    """The model's fields that a complete rule and its terms fill."""
    return {
        "rule": dict(full),
        "paying_model": PayingModel(terms.paying_model),
        "window_days": terms.window_days,
        "hold_days": terms.hold_days,
        "precedence": Precedence(terms.precedence),
        "self_purchase": SelfPurchase(terms.self_purchase),
        "note": terms.note,
        "effective": DateTimeTZRange(terms.effective_from, None),
    }


def refuse_rule(*, rule: Mapping[str, Any], parties: set[str]) -> None:
    """Raise RuleRefusedError with everything that keeps a complete rule from being applied under an agreement."""
    problems = check_rule(rule)
    if problems:
        raise RuleRefusedError(" · ".join(problem.worded(_) for problem in problems), problems)
    parsed = parse_rule(rule)
    for path, account in _payees(parsed):
        if is_payable(account) and account.removeprefix("party:") not in parties:
            raise RuleRefusedError(
                _("%(clause)s pays %(account)s, which is no party of the agreement: it could not accept it.")
                % {"clause": path, "account": account}
            )
    for variant in parsed.variants:
        for take in variant.takes:
            if isinstance(take, Tiered):
                raise RuleRefusedError(
                    _("%(clause)s asks for the volume before the sale, which agreements do not meter yet.")
                    % {"clause": take.path}
                )


def _payees(rule: Rule) -> list[tuple[str, str]]:
    """Every clause that pays an account, with that account."""
    return [
        pair
        for variant in rule.variants
        for pair in (
            *((take.path, take.account) for take in variant.takes),
            *((party.path, party.account) for party in final_parties(variant.split.parties)),
        )
    ]


def _codes(agreement: Agreement) -> set[str]:
    return set(agreement.parties.values_list("party__code", flat=True))
