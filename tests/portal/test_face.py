"""What the face promises about itself: tokens, contrasts, markup, icons, components, sizes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import unfold
from django.template import Engine, Template
from django.template.loader import get_template, render_to_string
from django.test import Client, RequestFactory
from django.test.signals import template_rendered
from django.utils import translation

from portal import marks, sidebar, theme, tokens
from portal.templatetags.face import _cover
from tests.cast import Cast

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "platform" / "portal" / "static" / "portal"
TEMPLATES = ROOT / "templates"
COLOUR = re.compile(
    r"(?<![&\w/\"'(])#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b|\b(?:rgb|rgba|hsl|hsla|oklch|oklab)\("
)


def templates() -> Iterator[tuple[Path, str]]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        yield path.relative_to(TEMPLATES), path.read_text(encoding="utf-8")


# --- tokens --------------------------------------------------------------------------------------------------------
def test_the_stylesheet_of_tokens_is_written_from_the_values() -> None:
    assert tokens.TOKENS_CSS.read_text(encoding="utf-8") == tokens.tokens_css(tokens.read_tokens())


def test_the_values_are_those_of_the_face(shared_data: Path) -> None:
    face = json.loads((shared_data / "face" / "tokens.json").read_text(encoding="utf-8"))
    ours = tokens.read_tokens()
    assert {key: ours[key] for key in face} == face
    assert set(ours) - set(face) == {"cover", "paper"}


def test_a_shadow_that_changes_shape_between_themes_is_refused() -> None:
    with pytest.raises(ValueError, match="geometry"):
        tokens.shadow({"light": "0 1px 2px #000000", "dark": "0 2px 2px #000000"})


def test_writing_the_tokens_again_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "tokens.css"
    monkeypatch.setattr(tokens, "TOKENS_CSS", target)
    assert tokens.main() == 0
    assert target.read_text(encoding="utf-8") == (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_recorded_contrast_is_measured(mode: str) -> None:
    values = tokens.read_tokens()["color"]
    for name, value in values.items():
        if "contrast" in value:
            measured = contrast(value[mode], values["surface"][mode])
            assert measured == pytest.approx(value["contrast"][mode], abs=0.006), name


GROUNDS = ("canvas", "surface", "sunken", "hover", "raised")
TONES = ("good", "info", "warn", "bad", "quiet")
TEXT = [
    *((text, ground) for text in ("ink", "ink-2", "ink-3", "accent-ink") for ground in GROUNDS),
    *((text, "accent-soft") for text in ("ink", "ink-2", "ink-3", "accent-ink")),
    *((f"{tone}-ink", f"{tone}-soft") for tone in TONES),
    *((f"{tone}-ink", "surface") for tone in TONES),
    *((text, f"{tone}-soft") for tone in TONES for text in ("ink", "ink-2")),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
]
MARKS = [
    *((tone, "surface") for tone in TONES),
    *((name, ground) for name in ("control", "focus", "accent", "stream") for ground in ("surface", "canvas")),
]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_at_least_four_and_a_half_and_marks_three(mode: str) -> None:
    values = tokens.read_tokens()["color"]
    for text, ground in TEXT:
        assert contrast(values[text][mode], values[ground][mode]) >= 4.5, (text, ground)
    for mark, ground in MARKS:
        assert contrast(values[mark][mode], values[ground][mode]) >= 3, (mark, ground)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_tints_carry_their_text(mode: str) -> None:
    values = tokens.read_tokens()
    colour = values["color"]
    for name, tint in values["heat"].items():
        for text in ("ink", "ink-2"):
            assert contrast(colour[text][mode], tint[mode]) >= 4.5, name
    for avatar in values["avatar"]:
        assert contrast(avatar["fg"][mode], avatar["bg"][mode]) >= 4.5
    for tint, text in zip(values["chart"]["sequence"][mode], values["chart"]["sequence"]["text"][mode], strict=True):
        if text:
            assert contrast(colour[text][mode], tint) >= 4.5, tint
    for slot in values["chart"]["category"]:
        assert contrast(slot[mode], colour["surface"][mode]) >= 3, slot["name"]
    for cover in values["cover"]:
        for end in ("from", "to"):
            assert contrast(cover["mark"][mode], cover[end][mode]) >= 3, cover["name"]


def test_the_admin_takes_its_colours_from_the_same_values() -> None:
    settings = theme.unfold("Northbank")
    assert settings["COLORS"] == tokens.read_tokens()["unfold"]["COLORS"]
    request = RequestFactory().get("/admin/")
    assert [link(request) for link in settings["STYLES"]] == [f"/static/{path}" for path in theme.STYLES]


# --- markup --------------------------------------------------------------------------------------------------------
def test_no_colour_stands_outside_the_tokens() -> None:
    files = [*STATIC.glob("css/*.css"), *STATIC.glob("js/*.js"), STATIC / "icons.svg", *TEMPLATES.rglob("*.html")]
    faulty = [
        f"{path.name}: {match[0]}"
        for path in files
        if path.name != "tokens.css"
        for match in COLOUR.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not faulty


def test_the_favicon_wears_the_accent() -> None:
    colours = set(re.findall(r"#[0-9A-Fa-f]{6}", (STATIC / "favicon.svg").read_text(encoding="utf-8")))
    values = tokens.read_tokens()["color"]
    assert colours == {values["accent"]["light"], values["on-accent"]["light"]}


def test_templates_hold_no_style_and_no_inline_script() -> None:
    faulty = []
    for path, text in templates():
        if re.search(r"\sstyle\s*=|<style", text):
            faulty.append(f"{path}: style")
        if re.search(r"<[a-z][^>]*\son[a-z]+\s*=", text):
            faulty.append(f"{path}: handler")
        if "javascript:" in text or re.search(r"\shx-on|\sx-data", text):
            faulty.append(f"{path}: script in an attribute")
        faulty += [
            f"{path}: inline script"
            for tag in re.findall(r"<script[^>]*>", text)
            if "src=" not in tag and not re.search(r'type="application/(ld\+)?json"', tag)
        ]
    assert not faulty


def test_every_named_icon_is_drawn() -> None:
    named = set(re.findall(r'"icon":\s*"([a-z-]+)"', "".join(p.read_text(encoding="utf-8") for p in python_files())))
    for _path, text in templates():
        named |= set(re.findall(r'{%\s*icon\s+"([a-z-]+)"', text))
        named |= set(re.findall(r'\b(?:icon|icon_name|action_icon|chart_icon|reason_icon)="([a-z-]+)"', text))
    named |= {state.icon for state in marks.STATES.values()}
    assert len(named) > 40
    assert named - marks.icon_names() == set()


def python_files() -> list[Path]:
    """Views and samples that name icons; the admin's sidebar names Material symbols instead."""
    folders = ("platform/portal", "partners", "courses", "analytics", "recommender", "platform/accounts")
    return [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if path.name not in {"sidebar.py", "admin.py"} and "admin" not in path.parts
    ]


def test_each_symbol_is_drawn_once_on_the_grid_in_the_words_colour() -> None:
    text = (STATIC / "icons.svg").read_text(encoding="utf-8")
    ids = re.findall(r'id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert text.count('viewBox="0 0 16 16"') == len(ids)
    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', text)) == {"none", "currentColor"}


def test_styles_and_scripts_stay_small() -> None:
    homes = [home for pattern in ("*/static", "platform/*/static") for home in ROOT.glob(pattern)]
    styles = [path for home in homes for path in home.rglob("*.css") if path.name != "patterns.css"]
    assert sum(path.stat().st_size for path in styles) <= 100_000
    assert sum(path.stat().st_size for path in STATIC.glob("js/*.js")) <= 30_000


def test_the_script_needs_no_eval() -> None:
    for path in STATIC.glob("js/*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", text)


def test_each_class_that_takes_a_token_names_one_that_exists() -> None:
    declared = set(re.findall(r"--([\w-]+):", "".join(p.read_text(encoding="utf-8") for p in STATIC.glob("css/*.css"))))
    used = set(re.findall(r"var\(--([\w-]+)", "".join(p.read_text(encoding="utf-8") for p in STATIC.glob("css/*.css"))))
    assert used - declared == set()


def test_each_partial_opens_with_its_contract() -> None:
    for path in sorted((TEMPLATES / "components").glob("*.html")):
        assert path.read_text(encoding="utf-8").startswith(("{#", "{% comment %}")), path.name


def test_the_reference_names_each_component() -> None:
    text = (ROOT / "docs" / "reference" / "components.md").read_text(encoding="utf-8")
    inner = {"defs", "logo", "nav", "language", "theme", "user_menu", "keys", "toasts", "menu_entries", "stream_body"}
    for path in (TEMPLATES / "components").glob("*.html"):
        if path.stem not in inner:
            assert re.search(rf"`{path.stem}[.`]|% {path.stem} |`{path.stem}`|{{% form_{path.stem}", text), path.stem


# --- the pattern page ----------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_component_appears_on_the_pattern_page(cast: Cast, language: str) -> None:
    seen: set[str] = set()

    def note(template: Template, **_kwargs: Any) -> None:
        seen.add(str(template.name))

    client = cast.client_of(cast.mei)
    client.cookies["django_language"] = language
    _cover.cache_clear()  # a cover is drawn once a process
    template_rendered.connect(note)
    try:
        response = client.get("/patterns/")
    finally:
        template_rendered.disconnect(note)
    assert response.status_code == 200
    missing = {f"components/{path.name}" for path in (TEMPLATES / "components").glob("*.html")} - seen
    assert not missing
    text = response.content.decode()
    assert "style=" not in text
    assert "None" not in text
    for state in marks.STATES.values():
        with translation.override(language):
            assert str(state.word) in text
    policy = response.headers["Content-Security-Policy"]
    directives = {part.strip() for part in policy.split(";")}  # their order is not promised
    assert {"script-src 'self'", "style-src 'self'"} <= directives
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_the_pattern_page_is_for_staff(cast: Cast) -> None:
    assert Client().get("/patterns/").status_code == 302
    assert cast.client_of(cast.lee).get("/patterns/").status_code == 403
    assert cast.client_of(cast.alice).get("/patterns/").status_code == 403


# --- pages that must work when nothing else does -------------------------------------------------------------------
@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_an_error_page_needs_no_context(name: str) -> None:
    for language, words in (("en", "Go to the start page"), ("zh-hans", "回到首页")):
        with translation.override(language):
            text = get_template(name).render({})
        assert words in text
        assert "Tributary" in text


def test_mails_say_who_writes_and_where_to_switch_them_off() -> None:
    context = {"platform_name": "Northbank", "settings_url": "https://northbank.test/mails"}
    for name in ("emails/base.txt", "emails/base.html"):
        text = render_to_string(name, context)
        assert "Northbank" in text
        assert "https://northbank.test/mails" in text


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_the_doors_wear_the_face(path: str) -> None:
    text = Client().get(path).content.decode()
    assert 'class="entrance-card' in text
    assert 'class="input"' in text
    assert "portal/css/tokens.css" in text
    assert "style=" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/logout/"]
)
def test_the_account_pages_wear_the_face(cast: Cast, path: str) -> None:
    text = cast.client_of(cast.lee).get(path, follow=True).content.decode()
    assert 'class="entrance-card' in text
    assert "portal/css/tokens.css" in text


@pytest.mark.django_db
def test_a_faulty_login_says_what_to_do(cast: Cast) -> None:
    text = Client().post("/accounts/login/", {"login": "", "password": ""}).content.decode()
    assert 'aria-invalid="true"' in text
    assert "data-faults" in text


# --- the admin -----------------------------------------------------------------------------------------------------
def test_the_sidebar_names_models_that_exist() -> None:
    from django.apps import apps

    for room in sidebar.ROOMS:
        for app, name, _icon in room.models:
            assert apps.get_model(app, name)


@pytest.mark.django_db
def test_the_admin_loads_the_tokens_and_shows_rooms(cast: Cast) -> None:
    response = cast.client_of(cast.mei).get("/admin/")
    text = response.content.decode()
    assert "portal/css/tokens.css" in text
    assert "portal/css/admin.css" in text
    request = RequestFactory().get("/admin/")
    request.user = cast.mei
    groups = sidebar.navigation(request)
    assert groups[0]["items"][0]["link"] == "/admin/"
    assert all(group["items"] for group in groups)


def test_own_admin_pages_load_the_components() -> None:
    text = (TEMPLATES / "admin" / "own.html").read_text(encoding="utf-8")
    for name in ("controls", "overlay", "charts"):
        assert f"portal/css/{name}.css" in text
    assert {f"portal/css/{name}.css" for name in ("tokens", "text", "data", "admin")} == set(theme.STYLES)
    assert Engine.get_default().get_template("admin/own.html")


# --- words of the library ------------------------------------------------------------------------------------------
NOT_OURS = re.compile(
    r"contrib/(?!filters|forms)|unfold_crispy|guardian|/login\.html|logged_out|auth/user|forms/helpers|empty_results"
)
"""Templates of Unfold that no page of ours renders."""


def test_every_word_that_the_admin_library_shows_has_chinese() -> None:
    home = Path(unfold.__file__).parent
    said: set[str] = set()
    for path in sorted(home.rglob("*.html")):
        if not NOT_OURS.search(str(path.relative_to(home))):
            said |= {word for _quote, word in re.findall(r"""\{%\s*trans(?:late)?\s+(["'])(.*?)\1""", path.read_text())}
    assert "Type to search" in said
    with translation.override("zh-hans"):
        assert sorted(word for word in said if word.isascii() and translation.gettext(word) == word) == []
