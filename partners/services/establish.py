"""Agreements that were settled elsewhere and are taken over: many at once, in force at the end, by the same steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party
from events.services import NewEvent, events_record
from partners.choices import MeterPeriod, PayingModel, Precedence, SelfPurchase, VersionState
from partners.errors import AgreementError
from partners.models import Acceptance, Agreement, AgreementParty, AgreementVersion
from partners.selectors.phrases import Names
from partners.selectors.terms import rule_party_codes, wording_terms
from partners.selectors.weighing import HALF_LIFE_DAYS
from partners.selectors.wording import worded
from partners.services.agreements import full_rule, version_fields
from partners.services.terms import DraftTerms, refuse_draft


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgreement:
    """An agreement with its first version, accepted by its parties and approved by a second person.

    `accepted_by` names the person who said yes, by party; for the others the consent is recorded on their behalf by
    who prepared the version.
    """

    code: str
    title: str
    owner_id: int
    scope_id: str
    party_ids: Sequence[int]
    rule: Mapping[str, Any]
    effective_from: datetime
    prepared_by_id: int
    approved_by_id: int
    accepted_at: datetime | None = None
    title_zh: str = ""
    scope_kind: str = "course"
    paying_model: str = PayingModel.LAST_TOUCH
    window_days: int = 30
    half_life_days: int = HALF_LIFE_DAYS
    position_weights: Sequence[int] = ()
    hold_days: int = 7
    reserve_days: int = 90
    caps: Sequence[Mapping[str, Any]] = ()
    meter: str = MeterPeriod.EVER
    precedence: str = Precedence.COUPON
    self_purchase: str = SelfPurchase.REFUSE
    note: str = ""
    accepted_by: Mapping[int, int] = field(default_factory=dict)

    @property
    def terms(self) -> DraftTerms:
        """What its version says beside the rule."""
        return DraftTerms(
            effective_from=self.effective_from,
            paying_model=self.paying_model,
            window_days=self.window_days,
            half_life_days=self.half_life_days,
            position_weights=self.position_weights,
            hold_days=self.hold_days,
            reserve_days=self.reserve_days,
            caps=self.caps,
            meter=self.meter,
            precedence=self.precedence,
            self_purchase=self.self_purchase,
            note=self.note,
        )


@transaction.atomic
def agreements_establish(*, agreements: Sequence[NewAgreement]) -> list[AgreementVersion]:
    """Open agreements and bring their first versions in force, in a constant number of queries.

    Every version goes through draft, proposal, acceptance and approval, so the database's guards hold for it as for
    any other. AgreementError or RuleRefusedError name the agreement; all or nothing.
    """
    parties = Party.objects.in_bulk({pk for new in agreements for pk in (new.owner_id, *new.party_ids)})
    for new in agreements:
        if new.prepared_by_id == new.approved_by_id:
            raise AgreementError(
                _("%(code)s: who prepared a version does not put it in force; a second person does.")
                % {"code": new.code}
            )
    versions = _drafts(agreements, parties)
    names = {party.code: Names(party.name, party.name_zh or party.name) for party in parties.values()}
    for version in versions:
        wording = worded(version.rule, wording_terms(version), names)
        version.text, version.text_zh, version.text_hash = wording.text, wording.text_zh, wording.hash
    _move(versions, VersionState.PROPOSED, ["text", "text_zh", "text_hash"])
    _accept(agreements, versions, {party.code: pk for pk, party in parties.items()})
    _move(versions, VersionState.ACCEPTED, [])
    for new, version in zip(agreements, versions, strict=True):
        version.approved_by_id = new.approved_by_id
        version.in_force_at = new.accepted_at or timezone.now()
    _move(versions, VersionState.IN_FORCE, ["approved_by", "in_force_at"])
    events_record(
        events=[
            NewEvent(
                name="agreement.in_force",
                key=str(version.pk),
                payload={"version_id": version.pk, "scope_kind": new.scope_kind, "scope_id": new.scope_id},
            )
            for new, version in zip(agreements, versions, strict=True)
        ]
    )
    return versions


def _drafts(agreements: Sequence[NewAgreement], parties: Mapping[int, Party]) -> list[AgreementVersion]:
    rows = Agreement.objects.bulk_create(
        [
            Agreement(
                code=new.code,
                title=new.title,
                title_zh=new.title_zh,
                owner=parties[new.owner_id],
                scope_kind=new.scope_kind,
                scope_id=new.scope_id,
            )
            for new in agreements
        ]
    )
    AgreementParty.objects.bulk_create(
        [
            AgreementParty(agreement=row, party_id=pk)
            for new, row in zip(agreements, rows, strict=True)
            for pk in dict.fromkeys([new.owner_id, *new.party_ids])
        ]
    )
    drafts = []
    for new, row in zip(agreements, rows, strict=True):
        full = full_rule(rule=new.rule, code=new.code, number=1, owner=row.owner.code, terms=new.terms)
        codes = {parties[pk].code for pk in (new.owner_id, *new.party_ids)}
        refuse_draft(rule=full, terms=new.terms, parties=codes)
        drafts.append(
            AgreementVersion(
                agreement=row, number=1, created_by_id=new.prepared_by_id, **version_fields(full, new.terms)
            )
        )
    return AgreementVersion.objects.bulk_create(drafts)


def _accept(agreements: Sequence[NewAgreement], versions: Sequence[AgreementVersion], ids: Mapping[str, int]) -> None:
    Acceptance.objects.bulk_create(
        [
            Acceptance(
                version=version,
                party_id=ids[code],
                user_id=new.accepted_by.get(ids[code], new.prepared_by_id),
                on_behalf=ids[code] not in new.accepted_by,
                text_hash=version.text_hash,
                accepted_at=new.accepted_at or timezone.now(),
            )
            for new, version in zip(agreements, versions, strict=True)
            for code in rule_party_codes(version.rule)
        ]
    )


def _move(versions: Sequence[AgreementVersion], state: VersionState, fields: list[str]) -> None:
    for version in versions:
        version.state = state
    with acting(command="agreements_establish"):
        AgreementVersion.objects.bulk_update(versions, ["state", *fields])
