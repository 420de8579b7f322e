"""The face's template tags: ``{% load face %}``. Figures, marks, drawings, and parts with a body.

Signatures with one line each stand in docs/reference/components.md.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from portal import charts, drawings, fields, figures, marks, parts

register = template.Library()
register.tag("part", parts.part)
register.tag("put", parts.put)

ABSENT = SafeString('<span class="absent">–</span>')


# --- figures -------------------------------------------------------------------------------------------------------
@register.simple_tag
def money(minor: int | None, currency: str, *, hero: bool = False, sign: bool = False) -> SafeString:
    """Write money from minor units; ``hero`` lets symbol and minor units step back, ``sign`` marks a change."""
    if minor is None:
        return ABSENT
    if not hero:
        return format_html('<span class="money">{}</span>', figures.money_text(minor, currency, sign=sign))
    piece = figures.money_parts(minor, currency, sign=sign)
    before = format_html('<span class="cur">{}</span>', piece.before) if piece.before else ""
    tail = format_html('<span class="min">{}{}</span>', piece.minor, piece.after) if piece.minor or piece.after else ""
    return format_html('<span class="money money-hero">{}{}{}{}</span>', piece.sign, before, piece.whole, tail)


@register.simple_tag
def plain_money(minor: int, currency: str) -> SafeString:
    """Write minor units as a plain number: 1353 cents are 13.53. For figures whose column names the currency."""
    return _num(figures.money_plain(minor, currency))


def _num(text: str) -> SafeString:
    return format_html('<span class="num">{}</span>', text)


@register.simple_tag
def number(value: figures.Number | None, *, digits: int | None = None, sign: bool = False) -> SafeString:
    """Write a number with grouping."""
    return ABSENT if value is None else _num(figures.number_text(value, digits=digits, sign=sign))


@register.simple_tag
def compact(value: figures.Number | None, currency: str | None = None) -> SafeString:
    """Write a large number briefly; with a currency the value is in whole units."""
    return ABSENT if value is None else _num(figures.compact_text(value, currency))


@register.simple_tag
def percent(value: figures.Number | None, *, digits: int = 1, sign: bool = False) -> SafeString:
    """Write a fraction of one as percent."""
    return ABSENT if value is None else _num(figures.percent_text(value, digits=digits, sign=sign))


@register.simple_tag
def bp(value: int | None) -> SafeString:
    """Write basis points as a share of money: 15.00%."""
    return ABSENT if value is None else _num(figures.bp_text(value))


@register.simple_tag
def ppm(value: int | None) -> SafeString:
    """Write parts per million as a credit: 33.6246%."""
    return ABSENT if value is None else _num(figures.ppm_text(value))


@register.simple_tag
def ratio(value: figures.Number | None) -> SafeString:
    """Write a ratio with two decimals, no sign behind it."""
    return ABSENT if value is None else _num(figures.number_text(value, digits=2))


@register.simple_tag
def interval(low: Any, high: Any, *, kind: str = "number", currency: str = "") -> SafeString:
    """Write an interval; ``kind`` is number, ratio, percent, compact or money (minor units, with a currency)."""
    if low is None or high is None:
        return ABSENT
    return _num(figures.interval_text(_end(low, kind, currency), _end(high, kind, currency)))


def _end(value: Any, kind: str, currency: str) -> str:
    match kind:
        case "number":
            return figures.number_text(value, digits=0)
        case "ratio":
            return figures.number_text(value, digits=2)
        case "percent":
            return figures.percent_text(value)
        case "compact":
            return figures.compact_text(value)
        case "money":
            return figures.money_text(value, currency)
    raise ValueError(f"an interval is not of kind {kind}")


@register.simple_tag
def day(value: dt.date | None, style: str = "full") -> SafeString:
    """Write a day: full, short, weekday, axis or month."""
    if value is None:
        return ABSENT
    return format_html(
        '<time datetime="{}">{}</time>', figures.local_day(value).isoformat(), figures.day_text(value, style)
    )


@register.simple_tag
def day_range(first: dt.date, last: dt.date, *, prose: bool = False) -> SafeString:
    """Write a range of days."""
    return _num(figures.day_range_text(first, last, prose=prose))


@register.simple_tag
def instant(value: dt.datetime | None, style: str = "short", *, seconds: bool = False) -> SafeString:
    """Write an instant: day in the style, then the time of day."""
    if value is None:
        return ABSENT
    text, clock = figures.day_text(value, style), figures.clock_text(value, seconds=seconds)
    between = ", " if style == "full" and not figures.is_chinese() else " "
    return format_html('<time datetime="{}">{}{}{}</time>', value.isoformat(), text, between, clock)


@register.simple_tag
def clock(value: dt.datetime | None, *, seconds: bool = False) -> SafeString:
    """Write the time of day."""
    if value is None:
        return ABSENT
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), figures.clock_text(value, seconds=seconds))


# --- marks ---------------------------------------------------------------------------------------------------------
@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 16, css: str = "") -> SafeString:
    """Draw an icon of the sprite at 14, 16, 20 or 24 px; an unknown name is an error."""
    if name not in marks.icon_names():
        raise ValueError(f"there is no icon {name}")
    return format_html(
        '<svg class="icon icon-{}{}" width="{}" height="{}" aria-hidden="true"><use href="{}#i-{}"></use></svg>',
        size,
        f" {css}" if css else "",
        size,
        size,
        static("portal/icons.svg"),
        name,
    )


@register.inclusion_tag("components/status.html")
def status(
    code: str,
    word: Any = "",
    *,
    date: dt.date | None = None,
    reason: Any = None,
    pill: bool = False,
    head: bool = False,
) -> dict[str, Any]:
    """Show a state: shape, word, colour; the word carries a date or a reason."""
    state = marks.STATES[code]
    text = word or marks.state_word(code, date=date, reason=reason)
    return {"icon_name": state.icon, "tone": state.tone, "word": text, "pill": pill, "head": head}


@register.inclusion_tag("components/stamp.html")
def stamp(updated_at: dt.datetime | None, *, now: dt.datetime | None = None, word: Any = "") -> dict[str, Any]:
    """Say how fresh the figures are; ``word`` replaces the sentence and keeps the mark."""
    if updated_at is None:
        return {"level": "stale", "word": word or _("Not computed yet")}
    level, sentence = marks.freshness(updated_at, now)
    return {"level": level, "word": word or sentence}


@register.inclusion_tag("components/delta.html")
def delta(value: figures.Number | None, *, good: str = "", digits: int = 1) -> dict[str, Any]:
    """Show a change; coloured only where ``good`` says which way is good for the reader: up or down."""
    if value is None:
        return {"absent": True}
    way = "up" if value > 0 else "down" if value < 0 else "right"
    tone = "" if way == "right" or not good else "good" if way == good else "bad"
    text = figures.percent_text(abs(figures.exact(value)), digits=digits)
    return {"way": way, "tone": tone, "text": text, "absent": False}


@register.inclusion_tag("components/agree.html")
def agree(value: float | None) -> dict[str, Any]:
    """Show how far the models agree, largest over smallest."""
    if value is None:
        return {"level": ""}
    return {"level": marks.agreement_level(value), "text": f"{figures.number_text(value, digits=1)}×"}


@register.simple_tag
def heat(value: float | None, median: float) -> str:
    """Return the heat class of a cell against its row's median, or nothing."""
    level = "" if value is None else marks.heat_level(value, median)
    return f"heat heat-{level}" if level else ""


@register.inclusion_tag("components/avatar.html")
def avatar(name: str, size: str = "", *, square: bool = False) -> dict[str, Any]:
    """Show a name's initials on its own tint."""
    return {"text": marks.initials(name), "hue": marks.avatar_hue(name), "size": size, "square": square}


@register.inclusion_tag("components/stars.html")
def stars(value: figures.Number) -> dict[str, Any]:
    """Show a rating as five stars, rounded to whole ones; the words carry the exact value."""
    full = int(figures.rounded(value, 0))
    return {"marks": [place < full for place in range(5)], "text": figures.number_text(value, digits=1)}


@register.inclusion_tag("components/rating.html")
def rating(value: figures.Number | None, count: int = 0) -> dict[str, Any]:
    """Show the mean rating with its count."""
    return {"text": None if value is None else figures.number_text(value, digits=1), "count": count}


@register.inclusion_tag("components/ratings.html")
def ratings(counts: Sequence[int], *, note: Any = "") -> dict[str, Any]:
    """Show the mean of ratings and a bar for each number of stars; ``counts`` runs from 5 stars down to 1."""
    return drawings.ratings_context(counts, note)


# --- forms, pages, address -----------------------------------------------------------------------------------------
@register.inclusion_tag("components/field.html")
def field(
    bound: Any, *, hint: Any = "", unit: str = "", lead: str = "", wide: bool = False, bare: bool = False
) -> dict[str, Any]:
    """Render a form field with label, hint or error in its place, and the aria that ties them; ``bare``: no hint."""
    return fields.field_context(bound, hint=hint, unit=unit, lead=lead, wide=wide, bare=bare)


@register.inclusion_tag("components/errors.html")
def form_errors(form: Any, *, focus: bool = True) -> dict[str, Any]:
    """Render the summary of a form's errors, with links to the fields; the focus goes there."""
    return {**fields.errors_context(form), "focus": focus}


@register.simple_tag(takes_context=True)
def query_transform(context: template.Context, **changes: Any) -> str:
    """Return the page's query with some keys replaced; None or an empty string takes a key out."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    for key, value in changes.items():
        query.pop(key, None)
        if value not in (None, ""):
            query[key] = str(value)
    return f"?{query.urlencode()}" if query else "?"


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """Return the reader's choice of theme from the cookie: light, dark, or empty for the system's."""
    request = context.get("request")
    value = request.COOKIES.get("theme", "") if request is not None else ""
    return value if value in {"light", "dark"} else ""


@register.filter
def at(rows: Sequence[Any] | None, place: int) -> Any:
    """Return the element at a place, or None."""
    return rows[place] if rows and place < len(rows) else None


@register.filter
def lookup(mapping: Mapping[Any, Any], key: Any) -> Any:
    """Return the value of a key, or None."""
    return mapping.get(key)


@register.inclusion_tag("components/swing.html")
def swing(value: float, top: float) -> dict[str, Any]:
    """Draw a change as a bar left or right of zero; ``top`` is the largest of the changes beside it."""
    return {"bar": drawings.swings_context([value, top])[0]}


# --- drawings ------------------------------------------------------------------------------------------------------
@register.simple_tag
def cover(key: Any) -> SafeString:
    """Draw a course's cover from its id. Kept, because a page of the catalogue spent most of its time on covers."""
    return _cover(str(key))


@lru_cache(maxsize=4096)
def _cover(key: str) -> SafeString:
    drawn = charts.cover(key)
    # Tags, names and numbers of our own alone, nothing that somebody wrote.
    return render_to_string("components/cover.html", {"hue": drawn.hue, "marks": mark_safe(drawn.marks)})  # noqa: S308


register.inclusion_tag("components/stream.html", name="stream")(drawings.stream_context)
register.inclusion_tag("components/band.html", name="band")(drawings.band_context)
register.inclusion_tag("components/release.html", name="release")(drawings.release_context)
register.inclusion_tag("components/spark.html", name="spark")(drawings.spark_context)
register.inclusion_tag("components/ranks.html", name="ranks")(drawings.ranks_context)
register.inclusion_tag("components/strip_plot.html", name="strip_plot")(drawings.strip_plot_context)
register.inclusion_tag("components/agreement_dots.html", name="agreement_dots")(drawings.agreement_dots_context)
register.inclusion_tag("components/flow.html", name="flow")(drawings.flow_context)
register.inclusion_tag("components/decay.html", name="decay")(drawings.decay_context)
register.inclusion_tag("components/line_chart.html", name="line_chart")(drawings.line_context)
register.inclusion_tag("components/column_chart.html", name="column_chart")(drawings.columns_context)
register.inclusion_tag("components/pair_chart.html", name="pair_chart")(drawings.pairs_context)
register.inclusion_tag("components/cohort.html", name="cohort")(drawings.cohort_context)
