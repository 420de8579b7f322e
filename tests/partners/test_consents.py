"""Parties who see only their own rows bring a version to acceptance together."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from django.utils import timezone

from accounts.scope import all_rows
from partners.choices import VersionState
from partners.models import Acceptance
from partners.services import DraftTerms, version_accept, version_draft, version_propose
from tests.cast import Cast
from tests.partners import desk


def test_the_last_consent_completes_a_version_though_no_party_sees_the_others(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    with all_rows():
        agreed = desk.agreement(parties=[cast.alice_party, cast.bob_party])
        cast.alice, cast.bob  # noqa: B018 - seats are given before anybody's view narrows
        draft = version_draft(
            agreement=agreed.agreement,
            rule={"steps": desk.THIRTY},
            terms=DraftTerms(effective_from=timezone.now() + timedelta(days=9)),
            by=cast.mei,
        )
        version = version_propose(version=draft, by=cast.mei)
    with as_parties(cast.alice_party):
        version_accept(version=version, party=cast.alice_party, user=cast.alice, text_hash=version.text_hash)
    with all_rows():
        version.refresh_from_db()
        assert version.state == VersionState.PROPOSED
    with as_parties(cast.bob_party):
        version_accept(version=version, party=cast.bob_party, user=cast.bob, text_hash=version.text_hash)
        assert {said.party_id for said in Acceptance.objects.filter(version=version)} == {cast.bob_party.pk}
    with all_rows():
        version.refresh_from_db()
        assert version.state == VersionState.ACCEPTED
