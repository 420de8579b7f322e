"""The frames around the pages: the admin's, in the face's words and for keys; what is shown when a page fails."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory

from portal import theme
from tests.cast import Cast
from tests.portal.test_face import STATIC

pytestmark = pytest.mark.django_db


def test_a_fault_of_ours_keeps_theme_language_and_name(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_args: Any, **_kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("portal.views.two_months", break_down)
    client.raise_request_exception = False
    client.cookies.load({"theme": "dark", "django_language": "zh-hans"})
    answer = client.get("/calendar/?month=2026-03")
    assert answer.status_code == 500
    text = answer.content.decode()
    assert 'data-theme="dark"' in text
    assert "此页未能生成" in text
    assert f"{settings.PLATFORM_NAME}</title>" in text


def test_an_old_form_is_told_in_the_readers_theme() -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies.load({"theme": "dark"})
    answer = client.post("/i18n/setlang/", {"language": "en"})
    assert answer.status_code == 403
    assert 'data-theme="dark"' in answer.content.decode()


def test_one_choice_of_theme_serves_portals_and_admin() -> None:
    """The portals keep it in a cookie, Unfold in the browser's storage; one script keeps both the same."""
    assert [script(RequestFactory().get("/")) for script in theme.unfold("x")["SCRIPTS"]] == [
        "/static/portal/js/admin.js"
    ]
    text = (STATIC / "js" / "admin.js").read_text(encoding="utf-8")
    assert "theme=" in text
    assert '"adminTheme"' in text


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/party/", "/admin/ledger/journalentry/"])
def test_what_the_admins_frame_offers_is_reached_by_keys(cast: Cast, path: str) -> None:
    text = cast.client_of(cast.mei).get(path).content.decode()
    mouse_only = [tag for tag in re.findall(r"<(?:a|div|span)\s[^>]*x-on:click=[^>]*>", text) if " href=" not in tag]
    left = [
        tag for tag in mouse_only if not re.search(r"filter-close|sidebarMobileOpen|openCommand|modal|command", tag)
    ]
    assert not left


def test_names_of_icons_are_not_read_aloud_and_every_box_has_a_name(cast: Cast) -> None:
    text = cast.client_of(cast.mei).get("/admin/partners/coupon/add/").content.decode()
    rooms = text.partition('id="nav-sidebar-apps"')[2].partition('id="main"')[0]
    icons = re.findall(r'<span class="material-symbols-outlined[^>]*>', rooms)
    assert icons
    assert [icon for icon in icons if 'aria-hidden="true"' not in icon] == []
    form = text.partition('id="coupon_form"')[2].partition("</form>")[0]
    named = set(re.findall(r'<label[^>]* for="([^"]+)"', form))
    boxes = [box for box in re.findall(r"<(?:input|select|textarea)\s[^>]*>", form) if 'type="hidden"' not in box]
    nameless = [box for box in boxes if "aria-label=" not in box and not named & set(re.findall(r' id="([^"]+)"', box))]
    assert boxes
    assert nameless == []


def test_a_list_says_which_rows_it_shows_and_leads_on(cast: Cast) -> None:
    text = " ".join(cast.client_of(cast.olga).get("/admin/accounts/user/").content.decode().split())
    assert re.search(r"1–\d+ of \d+", text)
    assert "<title> People · " in text
    assert "Add person" in text


def test_no_page_of_one_row_shows_what_is_made_for_a_lists_label() -> None:
    """A label is a pair of key and word; a page that shows it read-only would show the pair."""
    faulty, request = [], RequestFactory().get("/admin/")
    request.user = AnonymousUser()
    for model, desk in admin.site._registry.items():
        shown = [*desk.readonly_fields, *desk.get_readonly_fields(request, model(pk=0))]
        named = {name for name in shown if isinstance(name, str)}
        pairs = {name for name in named if getattr(getattr(type(desk), name, None), "label", None) is not None}
        faulty += [f"{model.__name__}.{name}" for name in pairs]
    assert not faulty
