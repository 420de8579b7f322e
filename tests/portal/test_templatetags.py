"""The tags of `{% load face %}`: what they write, and what they refuse."""

import datetime as dt
import importlib
import itertools
from typing import Any

import pytest
from django import forms
from django.template import Context, Engine, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import translation
from django.utils.safestring import SafeString

from portal import drawings, marks
from portal.templatetags import face

NOW = dt.datetime(2026, 11, 21, 6, 3, 7, tzinfo=dt.UTC)


def draw(text: str, **context: Any) -> str:
    return Template("{% load face %}" + text).render(Context(context)).strip()


def test_money_is_marked_up_and_hero_lets_the_edges_step_back() -> None:
    with translation.override("en"):
        assert draw('{% money 1248036 "USD" %}') == '<span class="money">$12,480.36</span>'
        assert draw('{% money -717637 "USD" hero=True %}') == (
            '<span class="money money-hero">−<span class="cur">$</span>7,176<span class="min">.37</span></span>'
        )
        assert draw('{% money 812340 "JPY" hero=True %}') == (
            '<span class="money money-hero"><span class="cur">¥</span>812,340</span>'
        )


@pytest.mark.parametrize(
    "tag",
    [
        '{% money x "USD" %}', "{% number x %}", "{% compact x %}", "{% percent x %}", "{% bp x %}", "{% ppm x %}",
        "{% ratio x %}", "{% interval x x %}", "{% day x %}", "{% instant x %}", "{% clock x %}", "{% delta x %}",
        "{% agree x %}",
    ],
)  # fmt: skip
def test_what_is_absent_is_a_dash_and_never_none(tag: str) -> None:
    assert draw(tag, x=None) == '<span class="absent">–</span>'


def test_a_figure_can_stand_in_a_sentence() -> None:
    with translation.override("en"):
        text = draw('{% money 7215 "USD" as m %}{% percent 0.124 as p %}{{ m }} is {{ p }}')
    assert text == '<span class="money">$72.15</span> is <span class="num">12.4%</span>'


def test_an_interval_formats_both_ends_alike() -> None:
    with translation.override("en"):
        for kind, text in (
            ("number", "1–3"),
            ("ratio", "1.00–2.50"),
            ("percent", "100.0%–250.0%"),
            ("compact", "1–3"),
        ):
            assert text in draw("{% interval 1 2.5 kind=k %}", k=kind)
        assert "$1.00–$2.50" in draw('{% interval 100 250 kind="money" currency="USD" %}')
    with pytest.raises(ValueError, match="kind"):
        face.interval(1, 2, kind="gauge")


def test_an_instant_has_day_and_time() -> None:
    with translation.override("en"):
        assert "21 Nov 14:03<" in draw("{% instant t %}", t=NOW)
        assert "21 Nov 2026, 14:03:07<" in draw('{% instant t "full" seconds=True %}', t=NOW)
        assert ">14:03<" in draw("{% clock t %}", t=NOW)
        assert 'datetime="2026-11-21"' in draw("{% day t %}", t=NOW.date())
        assert "1–21 Nov 2026" in draw("{% day_range a b %}", a=dt.date(2026, 11, 1), b=NOW.date())
    with translation.override("zh-hans"):
        assert "2026年11月21日 14:03<" in draw('{% instant t "full" %}', t=NOW)


def test_an_unknown_icon_is_an_error() -> None:
    assert 'i-home"' in draw('{% icon "home" 20 "is-star" %}')
    assert 'class="icon icon-20 is-star"' in draw('{% icon "home" 20 "is-star" %}')
    with pytest.raises(ValueError, match="no icon"):
        draw('{% icon "unicorn" %}')


@pytest.mark.parametrize("code", list(marks.STATES))
def test_every_state_has_a_shape_of_its_own_and_a_word_in_both_languages(code: str) -> None:
    state = marks.STATES[code]
    assert [other.icon for other in marks.STATES.values()].count(state.icon) == 1
    words = set()
    for language in ("en", "zh-hans"):
        with translation.override(language):
            text = draw("{% status code %}", code=code)
            assert str(state.word) in text
            words.add(str(state.word))
    assert len(words) == 2
    assert 'aria-hidden="true"' in text


def test_a_state_carries_its_date_or_its_reason() -> None:
    with translation.override("en"):
        assert "Pending until 21 Nov" in draw('{% status "pending" date=d %}', d=NOW.date())
        assert "No earning: own purchase" in draw('{% status "no_earning" reason="own purchase" %}')
        assert "On sale" in draw('{% status "available" "On sale" pill=True %}')
    with translation.override("zh-hans"):
        assert "11月21日释放" in draw('{% status "pending" date=d %}', d=NOW.date())
    with pytest.raises(ValueError, match="no date"):
        marks.state_word("no_earning", date=NOW.date())
    with pytest.raises(ValueError, match="no reason"):
        marks.state_word("paid", reason="x")


def test_freshness_goes_from_fresh_to_stale() -> None:
    levels = {}
    with translation.override("en"):
        for seconds in (-5, 12, 150, 15 * 60 + 1, 2 * 3600 + 1, 30 * 3600):
            levels[seconds] = marks.freshness(NOW - dt.timedelta(seconds=seconds), NOW)
    assert levels == {
        -5: ("fresh", "Updated 14:03, 0 s behind"),
        12: ("fresh", "Updated 14:02, 12 s behind"),
        150: ("fresh", "Updated 14:00, 2 min behind"),
        901: ("late", "15 min behind"),
        7201: ("stale", "Not updated since 12:03"),
        108000: ("stale", "Not updated since 20 Nov"),
    }
    assert "stamp-stale" in draw("{% stamp x %}", x=None)


def test_a_change_is_coloured_only_where_a_direction_is_good() -> None:
    assert "delta-good" in draw('{% delta 0.08 good="up" %}')
    assert "delta-bad" in draw('{% delta -0.08 good="up" %}')
    assert "delta-good" in draw('{% delta -0.08 good="down" %}')
    assert "delta-" not in draw("{% delta 0.08 %}")
    assert "delta-" not in draw('{% delta 0 good="up" %}')
    assert "i-arrow-right" in draw("{% delta 0 %}")
    assert "−" not in draw("{% delta -0.034 %}")


def test_models_agree_until_they_do_not() -> None:
    assert [marks.agreement_level(value) for value in (1, 2.19, 2.2, 3.39, 3.4)] == [
        "open",
        "open",
        "half",
        "half",
        "warn",
    ]
    assert "4.6×" in draw("{% agree 4.6 %}")


def test_heat_has_three_steps_each_way_and_none_in_the_middle() -> None:
    values = (1.6, 1.3, 1.2, 1.05, 1.0, 0.95, 0.85, 0.7, 0.5)
    assert [marks.heat_level(value, 1) for value in values] == [
        "above-3", "above-2", "above-1", "", "", "", "below-1", "below-2", "below-3",
    ]  # fmt: skip
    assert marks.heat_level(5, 0) == ""
    assert face.heat(None, 1) == ""
    assert face.heat(2, 1) == "heat heat-above-3"


def test_initials_are_two_latin_letters_or_one_han() -> None:
    assert [marks.initials(name) for name in ("Lin Yue", "林悦", "Madonna", "Ana de Armas", "  ")] == [
        "LY",
        "林",
        "M",
        "AA",
        "–",
    ]
    assert {marks.avatar_hue(f"person {number}") for number in range(60)} == set(range(1, 7))


def test_a_part_sees_what_it_is_given_and_nothing_else_of_the_page() -> None:
    head = "{% put head %}<tr><th>A</th></tr>{% endput %}"
    page = f'{{% part "table" caption="Sales" %}}{head}<tr><td>{{{{ secret }}}}</td></tr>{{% endpart %}}'
    text = draw(page, secret="shown in the body", rows=[{"cells": ["leaked"]}], total=["leaked"])
    assert "shown in the body" in text
    assert "leaked" not in text
    assert "<caption" in text
    assert "<tfoot>" not in text


@pytest.mark.parametrize(
    "bad",
    ["{% part %}{% endpart %}", '{% part "card" 5 %}{% endpart %}', "{% put %}{% endput %}", "{% put A %}{% endput %}"],
)
def test_a_part_that_is_written_wrongly_is_refused(bad: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        draw(bad)


def test_a_part_escapes_what_users_wrote() -> None:
    assert "<b>" not in draw('{% part "card" title=title %}{{ title }}{% endpart %}', title="<b>x</b>")
    assert "<b>" in draw('{% part "card" title=title %}{% endpart %}', title=SafeString("<b>x</b>"))


def test_the_query_is_replaced_key_by_key() -> None:
    request = RequestFactory().get("/x/", {"page": "2", "q": "a b", "sort": "x"})
    context = Context({"request": request})
    assert Template("{% load face %}{% query_transform page=3 sort=None %}").render(context) == "?q=a+b&amp;page=3"
    assert Template('{% load face %}{% query_transform page="" q="" sort="" %}').render(context) == "?"


def test_the_theme_is_one_of_two_or_the_systems() -> None:
    request = RequestFactory().get("/")
    for cookie, theme in (("dark", "dark"), ("light", "light"), ("<script>", ""), ("", "")):
        request.COOKIES["theme"] = cookie
        assert draw("{% theme %}", request=request) == theme
    assert draw("{% theme %}") == ""


def test_lists_and_mappings_are_read_safely() -> None:
    assert draw("{{ rows|at:1 }}{{ rows|at:9 }}{{ none|at:0 }}", rows=["a", "b"], none=None) == "bNoneNone"
    assert draw('{{ m|lookup:"k" }}', m={"k": 1}) == "1"


class Sample(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label="Name", help_text="As in the passport.")
    note = forms.CharField(required=False)
    agree = forms.BooleanField()
    live = forms.BooleanField(required=False, widget=forms.CheckboxInput(attrs={"role": "switch"}))
    way = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    token = forms.CharField(widget=forms.HiddenInput)
    fixed = forms.CharField(disabled=True, required=False)


def test_a_field_ties_label_hint_and_control() -> None:
    text = draw("{% field form.name %}", form=Sample())
    assert '<label for="id_name">Name</label>' in text
    assert 'aria-describedby="id_name_hint"' in text
    assert 'id="id_name_hint">As in the passport.' in text
    assert "aria-invalid" not in text
    assert "hint" not in draw("{% field form.name bare=True %}", form=Sample())


def test_an_error_takes_the_hints_place() -> None:
    form = Sample({})
    text = draw("{% field form.name %}", form=form)
    assert 'aria-invalid="true"' in text
    assert 'aria-describedby="id_name_error"' in text
    assert "As in the passport." not in text
    summary = draw("{% form_errors form %}", form=form)
    assert 'role="alert"' in summary
    assert 'href="#id_name"' in summary
    assert "data-faults" in summary
    assert draw("{% form_errors form %}", form=Sample()) == ""


def test_each_kind_of_field_has_its_markup() -> None:
    form = Sample()
    assert "(optional)" in draw("{% field form.note %}", form=form)
    assert "(optional)" not in draw("{% field form.fixed %}", form=form)
    assert "i-lock" in draw("{% field form.fixed %}", form=form)
    assert draw("{% field form.agree %}", form=form).startswith('<div class="field"><label class="check">')
    assert 'role="switch"' in draw("{% field form.live %}", form=form)
    assert draw("{% field form.way %}", form=form).count("<input") == 2
    assert draw("{% field form.token %}", form=form).startswith("<input")
    text = draw('{% field form.name lead="USD" unit="%" wide=True %}', form=form)
    assert text.count('class="unit"') == 2
    assert "field-wide" in text
    assert "input-num" in text


def test_the_stream_says_in_words_what_it_draws() -> None:
    parts = [{"label": "Tax", "amount": 600}, {"label": "Nothing", "amount": 0}]
    with translation.override("en"):
        text = draw('{% stream 10000 "USD" parts %}', parts=parts)
    assert 'aria-label="Of $100.00, $94.00 reached you: 94.0%."' in text
    assert "Nothing" in text.split('data-view="table"')[1]
    assert "Nothing" not in text.split('data-view="table"')[0]
    assert "style=" not in text


def test_shares_of_a_stream_sum_to_the_whole() -> None:
    assert sum(drawings.tenths([1, 1, 1], 3)) == 1000
    assert drawings.tenths([1, 1, 1], 3) == [334, 333, 333]
    assert drawings.tenths([1], 0) == [0]
    assert sum(drawings.tenths([1, 1], 3)) == 667


def test_ratings_sum_to_a_hundred() -> None:
    context = drawings.ratings_context([496, 86, 18, 6, 6])
    assert [row["share"] for row in context["rows"]] == ["81%", "14%", "3%", "1%", "1%"]
    assert context["mean"] == "4.7"
    assert drawings.ratings_context([0] * 5)["mean"] is None
    for bad in ([1, 2], [1, 2, 3, 4, -5]):
        with pytest.raises(ValueError, match="ratings"):
            drawings.ratings_context(bad)


def test_empty_drawings_say_so() -> None:
    with translation.override("en"):
        assert "Nothing counted in this range." in draw('{% line_chart p title="Sales" %}', p=[])
    assert draw("{% spark v %}", v=[]) == '<span class="absent">–</span>'
    assert "<li" not in draw("{% ranks r %}", r=[])
    assert "<rect" not in draw('{% column_chart s n title="x" %}', s=[], n=[])
    assert "<rect" not in draw('{% release d "USD" %}', d=[])
    assert "<rect" not in draw('{% pair_chart r n title="x" %}', r=[], n=["a", "b"])
    assert "m-ring" not in draw("{% agreement_dots v %}", v=[])
    assert "iv" in draw('{% strip_plot r title="x" mark="ring" %}', r=[{"label": "a", "value": 0, "low": 0, "high": 0}])


def test_labels_at_the_end_of_columns_do_not_cover_each_other() -> None:
    stacks = [{"label": "w", "values": [1, 1, 1, 100]}]
    context = drawings.columns_context(stacks, ["a", "b", "c", "d"])
    heights = sorted(float(end["y"]) for end in context["ends"])
    assert all(lower - upper >= 14 for upper, lower in itertools.pairwise(heights))
    assert context["table"][0]["sum"] == 103


def test_a_cohort_never_writes_on_the_step_without_text() -> None:
    context = drawings.cohort_context(
        [{"label": "Jul", "values": [value / 100 for value in range(101)] + [None]}], head="h", columns=[]
    )
    steps = {cell["step"] for cell in context["rows"][0]["cells"] if cell}
    assert steps == {1, 2, 3, 4, 6, 7}
    assert context["rows"][0]["cells"][-1] is None


def test_a_comparison_says_both_sides_and_their_difference_in_its_table() -> None:
    rows = [{"day": dt.date(2026, 3, 1), "values": (12_000, 9_950)}, {"label": "later", "values": (-500, 0)}]
    with translation.override("en"):
        text = draw('{% pair_chart r n currency="USD" title="x" axis="Month" %}', r=rows, n=["was", "would"])
    for words in ("Mar 2026", "$120.00", "−$20.50", "later", "+$5.00", "−$15.50"):
        assert words in text
    assert 'class="is-below"' in draw("{% swing v 10 %}", v=-5)
    assert 'class="is-above"' in draw("{% swing v 10 %}", v=5)


def test_no_tag_or_filter_of_ours_is_hidden_behind_one_of_djangos() -> None:
    engine = Engine.get_default()
    found = {name: importlib.import_module(path).register for name, path in engine.libraries.items()}
    ours = {name: lib for name, lib in found.items() if engine.libraries[name].startswith(("portal.", "courses."))}
    theirs = [lib for name, lib in found.items() if engine.libraries[name].startswith("django.")]
    taken = {name for lib in [*theirs, *engine.template_builtins] for name in (*lib.tags, *lib.filters)}
    assert len(ours) >= 2
    assert {name: sorted(taken & {*lib.tags, *lib.filters}) for name, lib in ours.items()} == {
        name: [] for name in ours
    }
