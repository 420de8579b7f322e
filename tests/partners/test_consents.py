"""Parties who see only their own rows bring a version to acceptance together."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.scope import all_rows
from partners.choices import VersionState
from partners.errors import AgreementError
from partners.models import Acceptance, AgreementVersion, Decline
from partners.services import (
    DraftTerms,
    agreement_create,
    version_accept,
    version_decline,
    version_draft,
    version_propose,
)
from tests.cast import Cast
from tests.partners import desk


def proposed(cast: Cast, code: str) -> AgreementVersion:
    agreement = agreement_create(code=code, title=code, owner=cast.alice_party, scope_id=code, parties=[cast.bob_party])
    terms = DraftTerms(effective_from=timezone.now())
    draft = version_draft(agreement=agreement, rule={"steps": desk.THIRTY}, terms=terms, by=cast.mei)
    return version_propose(version=draft, by=cast.mei)


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


@pytest.mark.usefixtures("everything")
def test_a_party_says_no_with_a_reason_and_the_version_ends(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    cast.alice, cast.bob, cast.carol  # noqa: B018 - take their seats
    version, other = (proposed(cast, code) for code in ("a", "b"))
    said: dict[str, Any] = {"version": version, "party": cast.bob_party, "user": cast.bob}
    with pytest.raises(AgreementError, match="Say why"):
        version_decline(**said, reason="  ")
    with pytest.raises(AgreementError, match="has a seat in Bob Codes"):
        version_decline(**{**said, "user": cast.alice}, reason="No")
    with pytest.raises(AgreementError, match="Canary Carol is no party"):
        version_decline(version=version, party=cast.carol_party, user=cast.carol, reason="No")
    version_accept(version=version, party=cast.alice_party, user=cast.alice, text_hash=version.text_hash)
    with pytest.raises(AgreementError, match="Alice Studio has accepted"):
        version_decline(version=version, party=cast.alice_party, user=cast.alice, reason="No")
    with as_parties(cast.bob_party):
        version_decline(**said, reason=" Too little for me. ")
    version.refresh_from_db()
    assert (version.state, version.decline.reason) == ("declined", "Too little for me.")
    with pytest.raises(AgreementError, match="Only a proposed version can be accepted"):
        version_accept(version=version, party=cast.bob_party, user=cast.bob, text_hash=version.text_hash)
    with pytest.raises(AgreementError, match="Only a proposed version can be declined"):
        version_decline(**said, reason="No")
    with as_parties(cast.alice_party):
        assert Decline.objects.get().party == cast.bob_party
    with as_parties(cast.carol_party):
        assert not Decline.objects.exists()
    with pytest.raises(IntegrityError, match="Nobody declined"), transaction.atomic():
        AgreementVersion.objects.filter(pk=other.pk).update(state="declined")
