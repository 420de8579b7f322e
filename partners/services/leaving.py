"""A co-creator leaves an agreement from a date on: the next version without it, laid before those who stay."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from accounts.scope import all_rows
from ledger.splits.accounts import GROUP_PREFIX, payable
from partners.choices import VersionKind, VersionState
from partners.errors import AgreementError
from partners.models import Agreement, AgreementVersion, Leave
from partners.selectors.terms import VALID, rule_party_codes, valid_at
from partners.services.agreements import moment, own_of, version_draft
from partners.services.terms import DraftTerms
from partners.services.versions import refuse_without_seat, version_propose

OPEN = (VersionState.DRAFT, VersionState.PROPOSED, VersionState.ACCEPTED)

Rule = dict[str, Any]


@transaction.atomic
def leave_ask(*, agreement: Agreement, party: Party, user: User, leaves_at: datetime) -> Leave:
    """Ask that a party leaves from an instant on, by a user with a seat in it; proposes the version without it.

    That version keeps the weights of those who stay and everything else that is in force then; the owner and they
    accept it, and a second person of the house puts it in force. AgreementError where that cannot be.
    """
    refuse_without_seat(user=user, party=party)
    if leaves_at <= timezone.now():
        raise AgreementError(_("Choose a day that has not begun yet: orders until now keep their terms."))
    # The one who leaves sees no drafts and no consents of others, and yet makes the version that the others read.
    with acting(actor=user.pk), all_rows():
        locked = Agreement.objects.select_for_update(of=("self",)).select_related("owner").get(pk=agreement.pk)
        current = _current(locked, party, leaves_at)
        leaving = {party.code, *_leaving(locked, party, leaves_at)}
        rule = rule_without(own_of(current.rule), leaving)
        if rule is None:
            raise AgreementError(
                _("Nobody would be left to share what remains; agree with the programme on who follows.")
            )
        note = _("%(party)s leaves from %(start)s on.") % {"party": party, "start": moment(leaves_at)}
        terms = terms_of(current, effective_from=leaves_at, note=note[:300])
        draft = version_draft(agreement=locked, rule=rule, terms=terms, by=user)
        version = version_propose(version=draft, by=user)
        return Leave.objects.create(agreement=locked, party=party, version=version, user=user, leaves_at=leaves_at)


def terms_of(version: AgreementVersion, *, effective_from: datetime, note: str) -> DraftTerms:
    """What a version says beside its rule, to be said again from another instant on."""
    return DraftTerms(
        effective_from=effective_from,
        paying_model=version.paying_model,
        window_days=version.window_days,
        half_life_days=version.half_life_days,
        position_weights=version.position_weights,
        hold_days=version.hold_days,
        reserve_days=version.reserve_days,
        precedence=version.precedence,
        self_purchase=version.self_purchase,
        meter=version.meter,
        caps=version.caps,
        note=note,
    )


def rule_without(rule: Mapping[str, Any], codes: Collection[str]) -> Rule | None:
    """A stored rule without some parties, the weights of the others kept; None where a split would share with nobody.

    Steps that pay a leaving party fall away, so that their part stays in what remains; groups that lose all their
    members fall away with their own shares.
    """
    gone = {payable(code) for code in codes}
    groups = dict(rule.get("groups") or {})
    while True:
        groups = {name: _staying(members, gone) for name, members in groups.items()}
        empty = {name for name, members in groups.items() if not any(m["weight"] for m in members)}
        if not empty:
            break
        gone |= {f"{GROUP_PREFIX}{name}" for name in empty}
        groups = {name: members for name, members in groups.items() if name not in empty}
    found = {key: value for key, value in rule.items() if key != "groups"}
    if "variants" in rule:
        found["variants"] = [{**each, "steps": _steps(each["steps"], gone)} for each in rule["variants"]]
        splits = [each["steps"][-1] for each in found["variants"]]
    else:
        found["steps"] = _steps(rule["steps"], gone)
        splits = [found["steps"][-1]]
    if not all(any(party["weight"] for party in split["parties"]) for split in splits):
        return None
    used = _used(groups, [party for split in splits for party in split["parties"]])
    if used:
        found["groups"] = {name: groups[name] for name in groups if name in used}
    return found


def _steps(steps: Sequence[Rule], gone: set[str]) -> list[Rule]:
    *takes, split = [step for step in steps if step.get("account") not in gone]
    return [*takes, {**split, "parties": _staying(split["parties"], gone)}]


def _staying(members: Sequence[Rule], gone: set[str]) -> list[Rule]:
    return [member for member in members if member["account"] not in gone]


def _used(groups: Mapping[str, Sequence[Rule]], members: Sequence[Rule]) -> set[str]:
    """Names of the groups that are reached from some members."""
    found: set[str] = set()
    waiting = list(members)
    while waiting:
        name = waiting.pop()["account"].removeprefix(GROUP_PREFIX)
        if name in groups and name not in found:
            found.add(name)
            waiting += groups[name]
    return found


def _current(agreement: Agreement, party: Party, at: datetime) -> AgreementVersion:
    """The version that will hold at an instant if nothing changes, and that the party may leave."""
    held = AgreementVersion.objects.filter(agreement=agreement, kind=VersionKind.STANDARD, state__in=VALID)
    current = valid_at(held, at)
    if current is None:
        raise AgreementError(_("No version is in force on that day, so there is nothing to leave."))
    if agreement.owner_id == party.pk:
        raise AgreementError(_("%(party)s owns this agreement and cannot leave it.") % {"party": party})
    if party.code not in rule_party_codes(current.rule):
        raise AgreementError(_("%(party)s is no party of this version.") % {"party": party})
    if Leave.objects.filter(agreement=agreement, party=party, version__state__in=OPEN).exists():
        raise AgreementError(_("You have asked to leave already; the others are deciding on it."))
    return current


def _leaving(agreement: Agreement, party: Party, at: datetime) -> list[str]:
    """Codes of the others who asked to leave by then, so that this version does not bring them back."""
    asked = Leave.objects.filter(agreement=agreement, leaves_at__lte=at, version__state__in=OPEN).exclude(party=party)
    return list(asked.values_list("party__code", flat=True))
