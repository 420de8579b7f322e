"""Letters: written once to each person in the own language, mailed once, read in the portal by nobody else."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.services import seat_give
from events.models import Delivery, Letter
from events.services import Words, letter_send, letters_write, relay_all
from tests.cast import Cast

pytestmark = pytest.mark.usefixtures("everything")


def words() -> Words:
    return Words(_("Claims"), "One\n\nTwo\r\nBcc: x@y.test", "/creator/claims/")


@pytest.fixture
def two(cast: Cast) -> Cast:
    """Alice reads Chinese, bob nothing in particular; both have a seat in alice's party."""
    seat_give(user=cast.bob, party=cast.alice_party)
    cast.alice.language = "zh-hans"
    cast.alice.save()
    return cast


def test_everyone_with_a_seat_is_written_and_mailed_once_in_the_own_language(two: Cast) -> None:
    for _time in range(2):
        letters_write(party=two.alice_party, key="news/1", words=words)
        assert relay_all().parked == 0
    assert {(sent.to[0], sent.subject) for sent in mail.outbox} == {
        (two.alice.email, "申诉"), (two.bob.email, "Claims"),
    }  # fmt: skip
    assert len(mail.outbox) == 2
    assert "/creator/claims/" in str(mail.outbox[0].body)
    assert "Message-ID" in mail.outbox[0].extra_headers
    assert not Letter.objects.filter(sent_at=None).exists()
    assert not letter_send(letter_id=Letter.objects.latest("pk").pk)
    letters_write(party=two.alice_party, key="news/2", words=words)
    two.bob.is_active = False
    two.bob.save()
    relay_all()
    assert len(mail.outbox) == 3


def test_a_mail_that_fails_is_tried_again_alone(two: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    letters_write(party=two.alice_party, key="news/1", words=words)
    sends = EmailBackend.send_messages

    def refuses(backend: Any, messages: Any) -> Any:
        if messages[0].to == [two.alice.email]:
            raise OSError("the post office is closed")
        return sends(backend, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuses)
    relay_all()
    assert [sent.to for sent in mail.outbox] == [[two.bob.email]]
    failed = Delivery.objects.exclude(state="done")
    assert "the post office is closed" in failed.get().reason
    monkeypatch.setattr(EmailBackend, "send_messages", sends)
    letter_send(letter_id=Letter.objects.get(user=two.alice).pk)
    assert [sent.to for sent in mail.outbox] == [[two.bob.email], [two.alice.email]]


def test_who_wants_none_by_mail_still_reads_them_in_the_portal(two: Cast) -> None:
    two.bob.letters_by_mail = False
    two.bob.save()
    letters_write(party=two.alice_party, key="news/1", words=words)
    relay_all()
    assert [sent.to[0] for sent in mail.outbox] == [two.alice.email]
    assert "/accounts/you/" in str(mail.outbox[0].body)
    page = two.client_of(two.bob).get(reverse("partners:messages"), {"party": two.alice_party.code})
    assert "Two" in page.content.decode()
    assert "none goes to your e-mail address" in page.content.decode()


def test_a_letter_is_new_until_its_own_reader_has_opened_the_messages(two: Cast) -> None:
    letters_write(party=two.alice_party, key="news/1", words=words)
    letters_write(party=two.bob_party, key="news/2", words=words, to=[two.bob])
    bob, here = two.client_of(two.bob), {"party": two.alice_party.code}

    def counts() -> dict[str, int]:
        groups = bob.get(reverse("partners:agreements"), here).context["nav"]
        return {entry["label"]: entry["count"] for group in groups for entry in group["entries"] if entry.get("count")}

    both = {"Messages": 1, str(two.bob_party): 1}
    assert counts() == both
    assert "1 unread message" in bob.get(reverse("partners:agreements"), here).content.decode()
    bob.head(reverse("partners:messages"), here)
    assert counts() == both
    first, second = (bob.get(reverse("partners:messages"), here).content.decode() for _time in range(2))
    assert ">New<" in first
    assert ">New<" not in second
    assert counts() == {str(two.bob_party): 1}
    assert Letter.objects.get(user=two.alice).read_at is None


def test_the_portal_shows_a_person_the_own_letters_about_this_party(
    two: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    letters_write(party=two.alice_party, key="news/1", words=words)
    page = two.client_of(two.alice).get(reverse("partners:messages"), {"party": two.alice_party.code})
    assert [letter.user for letter in page.context["letters"]] == [two.alice]
    assert "Two" in page.content.decode()
    empty = two.client_of(two.bob).get(reverse("partners:messages"), {"party": two.bob_party.code})
    assert list(empty.context["letters"]) == []
    with as_parties(two.bob_party):
        assert not Letter.objects.exists()
    with as_parties(two.alice_party):
        assert Letter.objects.count() == 2
