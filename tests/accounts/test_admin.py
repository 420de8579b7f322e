"""The desk for people: what its pages show, and that it acts by the verbs."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import AuditEntry, Party, RoleGrant, User
from accounts.services import (
    NewImportedRow,
    batch_close,
    batch_open,
    consent_record,
    imported_rows_record,
    person_create,
)
from tests.cast import Cast

LISTS = [
    "/admin/accounts/user/",
    "/admin/accounts/rolegrant/",
    "/admin/accounts/party/",
    "/admin/accounts/consent/",
    "/admin/accounts/importbatch/",
    "/admin/accounts/importedrow/",
    "/admin/accounts/auditentry/",
    "/admin/account/emailaddress/",
    "/admin/mfa/authenticator/",
]


@pytest.fixture
def house(cast: Cast) -> Cast:
    """Rows for every list: people, seats, roles, consents, an import."""
    cast.alice, cast.bob, cast.carol, cast.lee  # noqa: B018
    cast.mei, cast.finn, cast.ada, cast.marco, cast.olga  # noqa: B018
    consent_record(user=cast.lee, purpose="mail", granted=True)
    receipt = {
        "source": "shop",
        "files": [{"file": "orders.csv", "read": 2, "written": 2, "skipped": {"already <imported>": 1}}],
        "payments": {"currency": "UAH", "in_file_minor": 1200},
    }
    batch = batch_close(batch=batch_open(source="shop", actor=cast.olga), receipt=receipt)
    row = NewImportedRow(
        kind="order", external_id="7", file="o.csv", row_number=1, target_kind="x", target_id="1", digest=""
    )
    imported_rows_record(batch=batch, rows=[row])
    return cast


def first_row(client: Client, page: str) -> str:
    """Address of the first row of a list."""
    text = client.get(page).content.decode()
    found = re.search(rf'href="({re.escape(page)}[^"?]+/change/)', text)
    assert found, page
    return found[1]


@pytest.mark.parametrize("page", LISTS)
def test_the_auditor_reads_each_row_and_saves_none(house: Cast, page: str) -> None:
    if "authenticator" in page:
        Authenticator.objects.create(user=house.lee, type="totp", data={"secret": "canary-secret"})
    client = house.client_of(house.ada)
    row = first_row(client, page)
    response = client.get(row)
    assert response.status_code == 200
    assert b'name="_save"' not in response.content
    assert b"canary-secret" not in response.content
    assert client.post(row, {}).status_code == 403


def management(prefix: str, initial: int = 0, total: int = 0) -> dict[str, Any]:
    return {
        f"{prefix}-TOTAL_FORMS": total,
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }


def person_form(user: User, **changes: Any) -> dict[str, Any]:
    form: dict[str, Any] = {
        "email": user.email,
        "name": user.name,
        "name_zh": user.name_zh,
        "language": user.language,
        "is_active": "on",
    }
    form |= management("role_grants", user.role_grants.count(), user.role_grants.count())
    form |= management("seats", 0, 0)
    return {key: value for key, value in (form | changes).items() if value is not None}


def test_an_operator_adds_a_person_and_the_trail_names_them_both(house: Cast) -> None:
    client = house.client_of(house.olga)
    response = client.post(
        "/admin/accounts/user/add/",
        {"email": "New@Cast.Test", "name": "New", "name_zh": "新人", "language": "zh-hans", "is_active": "on"},
    )
    assert response.status_code == 302, response.context["errors"]
    made = User.objects.get(email="new@cast.test")
    assert (made.name_zh, made.has_usable_password(), made.is_staff) == ("新人", False, False)
    entry = AuditEntry.objects.get(source="accounts_userevent", object_id=made.pk)
    assert (entry.actor, entry.url) == (house.olga, "/admin/accounts/user/add/")


def test_an_operator_grants_a_role_on_the_persons_page(house: Cast) -> None:
    client, lee = house.client_of(house.olga), house.lee
    form = person_form(lee) | management("role_grants", 0, 1) | {"role_grants-0-role": "finance"}
    response = client.post(f"/admin/accounts/user/{lee.pk}/change/", form)
    assert response.status_code == 302, response.context["errors"]
    grant = RoleGrant.objects.get(user=lee)
    assert (grant.role, grant.granted_by) == ("finance", house.olga)
    assert User.objects.get(pk=lee.pk).is_staff


def test_an_operator_cannot_raise_themselves(house: Cast) -> None:
    client, olga = house.client_of(house.olga), house.olga
    form = person_form(olga) | management("role_grants", 1, 2) | {"role_grants-1-role": "finance"}
    form["role_grants-0-id"] = RoleGrant.objects.get(user=olga).pk
    response = client.post(f"/admin/accounts/user/{olga.pk}/change/", form, follow=True)
    assert "A second person must change your roles." in response.content.decode()
    assert list(RoleGrant.objects.filter(user=olga).values_list("role", flat=True)) == ["operator"]
    client.post("/admin/accounts/rolegrant/add/", {"user": olga.pk, "role": "manager"}, follow=True)
    assert RoleGrant.objects.filter(user=olga).count() == 1


def test_forms_cannot_smuggle_what_they_do_not_show(house: Cast) -> None:
    lee = house.lee
    client = house.client_of(house.olga)
    client.post(
        f"/admin/accounts/user/{lee.pk}/change/",
        person_form(lee, is_staff="on", is_superuser="on", password="x", session_epoch="9"),
    )
    lee.refresh_from_db()
    assert (lee.is_staff, lee.is_superuser, lee.session_epoch) == (False, False, 0)


def test_revoking_in_the_list_ends_the_persons_sessions(house: Cast) -> None:
    marco = house.client_of(house.marco)
    assert marco.get("/admin/").status_code == 200
    grant = RoleGrant.objects.get(user=house.marco)
    house.client_of(house.olga).post(
        "/admin/accounts/rolegrant/", {"action": "revoke", "_selected_action": [grant.pk]}, follow=True
    )
    grant.refresh_from_db()
    assert grant.revoked_at is not None
    assert "_auth_user_id" not in marco.get("/admin/").client.session


def test_closing_an_account_on_its_page_ends_its_sessions(house: Cast) -> None:
    alice = house.client_of(house.alice)
    url = f"/admin/accounts/user/{house.alice.pk}/change/"
    form = person_form(house.alice, is_active=None) | management("seats", 1, 1)
    seat = house.alice.seats.get()
    form |= {
        "seats-0-id": seat.pk,
        "seats-0-user": house.alice.pk,
        "seats-0-party": seat.party_id,
        "seats-0-role": "owner",
    }
    response = house.client_of(house.olga).post(url, form)
    assert response.status_code == 302, response.context["errors"]
    assert not User.objects.get(pk=house.alice.pk).is_active
    assert alice.get("/accounts/email/").status_code == 302


def test_ending_sessions_is_one_action_and_not_for_readers(house: Cast) -> None:
    lee = house.client_of(house.lee)
    chosen = {"action": "end_sessions", "_selected_action": str(house.lee.pk)}
    house.client_of(house.ada).post("/admin/accounts/user/", chosen)
    assert lee.get("/accounts/email/").status_code == 200
    house.client_of(house.olga).post("/admin/accounts/user/", chosen)
    assert lee.get("/accounts/email/").status_code == 302


def test_a_manager_creates_a_party_and_gives_a_seat(house: Cast) -> None:
    client = house.client_of(house.mei)
    form = {"code": "dora", "kind": "affiliate", "name": "Dora", "name_zh": "朵拉", "country": "CN", "currency": "CNY"}
    assert client.post("/admin/accounts/party/add/", form).status_code == 302
    party = Party.objects.get(code="dora")
    change = {key: value for key, value in form.items() if key != "code"} | management("seats", 0, 1)
    change |= {"seats-0-user": house.lee.pk, "seats-0-role": "member", "seats-0-party": party.pk}
    change |= {"code": "other", "closed_at_0": "", "closed_at_1": ""}
    response = client.post(f"/admin/accounts/party/{party.pk}/change/", change)
    assert response.status_code == 302, response.context["errors"]
    assert [(seat.user, seat.role) for seat in party.seats.all()] == [(house.lee, "member")]
    assert Party.objects.get(pk=party.pk).code == "dora", "the code names accounts and stays"


def test_a_refused_party_code_is_said_at_the_field(house: Cast) -> None:
    form = {"code": "Bad Code", "kind": "affiliate", "name": "X", "currency": "CNY"}
    response = house.client_of(house.mei).post("/admin/accounts/party/add/", form)
    assert response.status_code == 200
    assert "Use small letters" in response.content.decode()


def test_the_receipt_is_shown_as_tables_and_escaped(house: Cast) -> None:
    client = house.client_of(house.mei)
    text = client.get(first_row(client, "/admin/accounts/importbatch/")).content.decode()
    assert "in file minor" in text
    assert "already &lt;imported&gt;: 1" in text
    assert "already <imported>" not in text


def test_the_audit_trail_shows_actor_request_and_both_states(house: Cast) -> None:
    olga = house.client_of(house.olga)
    olga.post(f"/admin/accounts/user/{house.lee.pk}/change/", person_form(house.lee, name="<b>Lee</b> Two"))
    page = olga.get("/admin/accounts/auditentry/?q=olga@cast.test").content.decode()
    assert f"/admin/accounts/user/{house.lee.pk}/change/" in page
    entry = AuditEntry.objects.filter(source="accounts_userevent", object_id=house.lee.pk).latest("number")
    detail = olga.get(f"/admin/accounts/auditentry/{entry.pk.replace('_', '_5F').replace(':', '_3A')}/change/")
    text = detail.content.decode()
    assert "Olga (olga@cast.test)" in text
    assert "POST /admin/accounts/user/" in text
    assert "&lt;b&gt;Lee&lt;/b&gt; Two" in text
    assert olga.get("/admin/accounts/auditentry/nonsense/change/").status_code == 302


def test_filters_of_the_lists_filter(house: Cast) -> None:
    olga = house.client_of(house.olga)

    def listed(query: str) -> set[str]:
        text = olga.get(f"/admin/accounts/user/?{query}").content.decode()
        return set(re.findall(r"(\w+)@cast\.test", text.partition("result_list")[2]))

    assert listed("role=finance") >= {"finn"}
    assert not {"mei", "lee", "alice"} & listed("role=finance")
    assert {"alice", "bob", "carol"} <= listed("role=creator")
    assert "lee" not in listed("role=creator")
    trail = olga.get("/admin/accounts/auditentry/?source=accounts_seatevent&label=insert").content.decode()
    assert "Seat " in trail


def test_nothing_else_grants_rights(db: None) -> None:
    assert not admin.site.is_registered(Group)


def test_an_operator_removes_a_lost_second_factor_but_not_their_own(house: Cast) -> None:
    lost = Authenticator.objects.create(user=house.lee, type="totp", data={})
    own = Authenticator.objects.create(user=house.olga, type="totp", data={})
    client = house.client_of(house.olga)
    assert client.post(f"/admin/mfa/authenticator/{lost.pk}/delete/", {"post": "yes"}).status_code == 302
    assert client.post(f"/admin/mfa/authenticator/{own.pk}/delete/", {"post": "yes"}).status_code == 403
    assert list(Authenticator.objects.values_list("pk", flat=True)) == [own.pk]


def test_people_may_be_found_by_either_name(house: Cast) -> None:
    person_create(email="x@cast.test", name="Lin Yue", name_zh="林越")
    text = house.client_of(house.olga).get("/admin/accounts/user/?q=林越").content.decode()
    assert "x@cast.test" in text
