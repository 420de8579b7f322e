"""A walk over every address, method and role: who may enter, and that nobody reads what is another party's."""

import html
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.template.backends.django import Template
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from accounts.choices import Role
from accounts.rules import allows
from tests.cast import Cast
from tests.house import world as house
from tests.house.walk_rows import CLOSED, EMPTY_DESKS, OWNED_DESKS, PEOPLE, ROWS, STRANGERS, Row, expected

STAFF = {"m": Role.MANAGER, "f": Role.FINANCE, "u": Role.AUDITOR, "k": Role.MARKETER, "o": Role.OPERATOR}
KINDS = {"changelist": "view", "add": "add", "change": "view", "history": "view", "delete": "delete"}
"""Kind of an admin page -> what the matrix must allow."""
OWN_TEMPLATES = {"history": "object_history_template", "delete": "delete_confirmation_template"}
"""Kind -> where a desk names a page of its own instead of the one that all have in common."""


SITE_PAGES = {
    f"admin:{name}"
    for name in (
        "index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n", "view_on_site",
        "app_list",
    )
}  # fmt: skip
"""What Django's admin site serves beside its desks; `test_no_desk_opens_for_people_without_a_role` walks it."""


class Walker:
    """A browser for each role; what a request writes is rolled back after it."""

    def __init__(self, cast: Cast) -> None:
        self.clients = {
            letter: cast.client_of(getattr(cast, name)) if name else Client() for letter, name in PEOPLE.items()
        }

    def ask(
        self, letter: str, method: str, address: str, data: Any = None, *, htmx: bool = False, drawn: bool = True
    ) -> tuple[str, str, str]:
        """Status, as rows write it; where a redirect leads; the body.

        Unless `drawn`, all runs but the templates and the frame of the admin: most of the time goes there, and a view
        that lets two people in by one line draws the same page for both.
        """
        client = self.clients[letter]
        client.raise_request_exception = False
        cookies = client.cookies.output()
        mark = transaction.savepoint()
        with nullcontext() if drawn else undrawn():
            response = getattr(client, method)(address, data, headers={"HX-Request": "true"} if htmx else None)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        transaction.savepoint_rollback(mark)
        client.cookies.clear()
        client.cookies.load(cookies.replace("Set-Cookie: ", ""))
        fault = getattr(response, "exc_info", None)
        leads = response.headers.get("Location", "") or (repr(fault[1]) if fault else "")
        status = (
            "login"
            if leads.startswith((reverse("account_login"), reverse("admin:login")))
            else str(response.status_code)
        )
        return status, leads, body.decode(errors="replace")


@contextmanager
def undrawn() -> Iterator[None]:
    """Leave out what only draws."""
    with mock.patch.object(Template, "render", _blank), mock.patch.object(type(admin.site), "each_context", _empty):
        yield


def _blank(template: Template, context: Any = None, request: Any = None) -> str:
    return ""


def _empty(site: Any, request: Any) -> dict[str, Any]:
    return {}


def patterns(resolver: Any, spaces: tuple[str, ...] = (), path: str = "") -> Iterator[tuple[str, str]]:
    """Every pattern below a resolver: (name with namespaces, or its path where it has none; path)."""
    for entry in resolver.url_patterns:
        here = path + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, (*spaces, entry.namespace) if entry.namespace else spaces, here)
        elif isinstance(entry, URLPattern):
            yield ":".join((*spaces, entry.name)) if entry.name else here, here


def names() -> list[str]:
    """All of them but the pages that every desk of the admin has, which are judged by the matrix."""
    derived = {f"admin:{label.replace('.', '_')}_{kind}" for label in desks() for kind in KINDS}
    found = {name for name, _path in patterns(get_resolver())}
    plain = {name for name in found if name.startswith("admin/") and name.endswith(("<path:object_id>/", ".*)$"))}
    return sorted(found - derived - SITE_PAGES - plain)  # plain: redirects of Django's own and its last resort


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    missing = sorted(set(names()) - set(ROWS))
    assert not missing, f"{missing[0]} has no row in tests/house/walk_rows.py: say there who may enter"
    gone = sorted(set(ROWS) - set(names()))
    assert not gone, f"{gone[0]} has a row in tests/house/walk_rows.py and no route"


def test_everybody_enters_where_the_rows_say_and_no_canary_sings(world: house.World) -> None:
    walker, faults = Walker(world.cast), []
    for name, row in ROWS.items():
        match = resolve(row.at.format(**world.ids).partition("?")[0])
        assert name in {match.view_name, match.route}, (
            f"the address of {name} leads to {match.view_name or match.route}"
        )
        for method in ("get", "post", *row.others):
            seen: set[tuple[str, bool]] = set()
            for letter, status in expected(row, method).items():
                kind = (status, letter in row.sees)
                if status == CLOSED and (CLOSED, False) in seen:
                    continue  # what takes no such request asks nobody's name
                drawn = letter in STRANGERS or kind not in seen
                seen.add(kind)
                faults += _faults(walker, world, name, row, method, letter, drawn)
    assert not faults, "\n".join(faults)


def _faults(
    walker: Walker, world: house.World, name: str, row: Row, method: str, letter: str, drawn: bool
) -> list[str]:
    data = {key: str(value).format(**world.ids) for key, value in row.data.items()} if method == "post" else None
    address = row.at.format(**world.ids)
    status, leads, body = walker.ask(letter, method, address, data, htmx=row.htmx, drawn=drawn)
    who = f"{name} {method} by {PEOPLE[letter] or 'anonymous'}"
    found = []
    if status != expected(row, method)[letter]:
        found.append(f"{who}: {status} {leads}, the row says {expected(row, method)[letter]}")
    if drawn and method == "get" and not name.startswith("api:"):  # its page is the library's
        found += [f"{who}: {fault}" for fault in titles(body)]
    heard = canaries(world, row, body, [address, *(data or {}).values()])
    if letter in STRANGERS and heard:
        found.append(f"{who}: the reply says {heard}")
    if method == "get" and drawn and letter in row.sees and not heard:
        found.append(f"{who}: no canary in the reply, so the walk proves nothing here")
    if row.same and letter in STRANGERS:
        other, _leads, _body = walker.ask(
            letter, method, row.at.format(**world.absent), data, htmx=row.htmx, drawn=False
        )
        if other != status:
            found.append(f"{who}: {status} for what is carol's, {other} for what does not exist")
    return found


def titles(body: str) -> list[str]:
    """Fault of a page that has no title or two of them."""
    count = body.count("<h1")
    return [f"{count} titles"] if "<html" in body and count != 1 else []


def canaries(world: house.World, row: Row, body: str, said: list[str]) -> list[str]:
    """Carol's words in a reply, without those that the reader said and the page only repeats."""
    for word in [*said, said[0].partition("?")[0]]:
        for form in (word, html.escape(word), quote(word), quote(word, safe="")):
            body = body.replace(form, "")
    secret = world.canaries if row.public else (*house.OPEN_CANARIES, *world.canaries)
    return [word for word in secret if word in body]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_do_nothing_where_no_row_names_them(world: house.World, method: str) -> None:
    walker, faults = Walker(world.cast), []
    for name, row in ROWS.items():
        if method in row.others or name.startswith(("account", "mfa", "admin", "set_language")):
            continue  # forms of the libraries take PUT for POST
        for letter in "-c":
            status, _leads, _body = walker.ask(letter, method, row.at.format(**world.ids))
            if status not in {"405", "403", "404", "login"}:
                faults.append(f"{name} {method} by {letter}: {status}")
    assert not faults, "\n".join(faults)


def desks() -> dict[str, Any]:
    """ "app.model" -> its desk."""
    return {model._meta.label_lower: desk for model, desk in admin.site._registry.items()}


def page(model: type[Model], kind: str) -> str:
    """The address of one desk's page, of its first row where it is about one; without rows, of none."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}"
    if kind in {"changelist", "add"}:
        return reverse(name)
    first = model._default_manager.first()
    return reverse(name, args=[first.pk if first else 0])


def test_each_desk_opens_for_the_roles_of_the_matrix(world: house.World) -> None:
    walker, faults, shown = Walker(world.cast), [], set[str]()
    for label, desk in desks().items():
        empty = not desk.model._default_manager.exists()
        if empty and label not in EMPTY_DESKS:
            faults.append(f"{label}: the walk's world has no row of it, so its pages are not seen")
        for kind, action in KINDS.items():
            address = page(desk.model, kind)
            seen: set[tuple[bool, ...]] = set()
            for letter, role in STAFF.items():
                if kind in {"history", "delete"} and letter in "mfo":
                    continue  # all five at two more pages of every desk would double the walk and tell no more
                may = tuple(allows(role, each, label) for each in ("view", "add", "change", "delete"))
                # Who may do the same gets the same form; of the other pages one is enough, and of those that all desks
                # have in common one of all.
                common = kind in OWN_TEMPLATES and not getattr(desk, OWN_TEMPLATES[kind]) and kind in shown
                drawn = any(may) and (may not in seen if kind == "change" else not seen and not common)
                status, _leads, body = walker.ask(letter, "get", address, drawn=drawn)
                allowed = allows(role, action, label)
                if drawn and status == "200":
                    seen.add(may)
                    shown.add(kind)
                # A desk may close what the matrix leaves open (rows written by verbs alone), never the other way.
                closed = action in {"add", "delete"} and status == "403"
                nothing = empty and kind not in {"changelist", "add"}
                fine = {"200", "302"} if nothing else {"200"}
                shut = {"403", "302"} if nothing and kind == "history" else {"403"}
                if (allowed and not closed and status not in fine) or (not allowed and status not in shut):
                    faults.append(f"{label} {kind} by {role}: {status}, the matrix says {allowed}")
                faults += [f"{label} {kind} by {role}: {fault}" for fault in titles(body) if drawn]
                if drawn and kind == "changelist" and status == "200" and label in OWNED_DESKS:
                    faults += _silent(world, label, role, body)
    assert not faults, "\n".join(faults)


def _silent(world: house.World, label: str, role: str, body: str) -> list[str]:
    heard = [word for word in (*house.OPEN_CANARIES, *world.canaries) if word in body]
    return [] if heard else [f"{label} by {role}: staff read no canary, so the walk of strangers proves nothing"]


def test_no_desk_opens_for_people_without_a_role(world: house.World) -> None:
    walker, faults = Walker(world.cast), []
    addresses = [page(desk.model, kind) for desk in desks().values() for kind in KINDS]
    rest = ["index", "jsi18n", "autocomplete", "password_change", "logout"]
    addresses += [reverse(f"admin:{name}") for name in rest]
    addresses += [reverse("admin:app_list", args=["partners"]), "/admin/nowhere/"]
    for address in addresses:
        for letter in "-a":
            for method in ("get", "post") if address.endswith("/change/") else ("get",):
                drawn = not address.endswith(("/add/", "/history/", "/delete/"))  # refused in the words of the others
                status, leads, body = walker.ask(letter, method, address, drawn=drawn)
                if status == "200" or (status == "302" and "/login/" not in leads and "logout" not in address):
                    faults.append(f"{address} {method} by {PEOPLE[letter] or 'anonymous'}: {status} {leads}")
                faults += [f"{address} by {letter}: {word}" for word in world.canaries if word in body]
    assert not faults, "\n".join(faults)


def test_roles_that_only_read_write_nothing_at_a_desk(world: house.World) -> None:
    walker, faults = Walker(world.cast), []
    for label, desk in desks().items():
        for kind, action in {"add": "add", "change": "change", "delete": "delete"}.items():
            address = page(desk.model, kind)
            for letter, role in STAFF.items():
                if allows(role, action, label) or (letter in "fo" and kind != "change"):
                    continue
                status, leads, _body = walker.ask(letter, "post", address, {"post": "yes"}, drawn=False)
                if status != "403" and (label, kind, status) != ("partners.agreementversion", "change", "200"):
                    # That page takes no form, so it is shown again; its steps are routes with rows of their own.
                    faults.append(f"{label} {kind} posted by {role}: {status} {leads}")
    assert not faults, "\n".join(faults)
