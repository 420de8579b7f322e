"""Template tags of the storefront: ``{% load courses %}``."""

import re
from typing import Any

from babel import Locale
from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from accounts.models import User

register = template.Library()

_HAN = re.compile(r"[\u3400-\u9fff]")


@register.filter
def length_of_time(seconds: int) -> str:
    """Write a length of time in words: 9 h 20 min, 40 min; half minutes up."""
    minutes = (int(seconds) + 30) // 60
    if seconds and not minutes:
        minutes = 1
    hours, rest = divmod(minutes, 60)
    if hours and rest:
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": rest}
    return _("%(hours)s h") % {"hours": hours} if hours else _("%(minutes)s min") % {"minutes": minutes}


@register.filter
def runtime(seconds: int) -> str:
    """Write a lesson's length as a player shows it: 9:40, 1:05:00."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def course_language(code: str) -> str:
    """Name a course's language in the reader's: English, Chinese, 乌克兰语."""
    reader = Locale.parse((get_language() or "en").replace("-", "_"), sep="_")
    name = str(reader.languages.get(code.partition("-")[0], code))
    return name[:1].upper() + name[1:]


@register.filter
def public_name(user: User) -> str:
    """Name a learner in public: Ravi K., 苏敏; without a name: A learner."""
    name = (user.name_zh if user.name_zh and (get_language() or "").startswith("zh") else user.name).strip()
    if not name:
        return _("A learner")
    words = name.split()
    if _HAN.search(name) or len(words) < 2:
        return words[0]
    return f"{words[0]} {words[-1][0]}."


@register.filter
def listed(values: Any) -> str:
    """Join names without an "and": Lin Yue, Chen Hao."""
    return _(", ").join(str(value) for value in values)


@register.filter
def names(values: Any) -> str:
    """Join names in a sentence: Lin Yue, Chen Hao and Ines Ferreira."""
    texts = [str(value) for value in values]
    if len(texts) < 2:
        return "".join(texts)
    return _("%(all)s and %(last)s") % {"all": listed(texts[:-1]), "last": texts[-1]}


@register.simple_tag
def lesson_count(count: int) -> str:
    """Write a number of lessons."""
    return ngettext("%(n)s lesson", "%(n)s lessons", count) % {"n": count}


@register.filter
def prose(text: str) -> SafeString:
    """Write plain text as paragraphs. Lines that begin with "# ", "- " or four blanks: headings, lists, code."""
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip("\n"))
    return format_html_join("\n", "{}", ((_block(block),) for block in blocks if block.strip()))


def _block(block: str) -> SafeString:
    lines = block.split("\n")
    if all(line.startswith("    ") for line in lines):
        return format_html('<pre tabindex="0"><code>{}</code></pre>', "\n".join(line[4:] for line in lines))
    if all(line.startswith("- ") for line in lines):
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((line[2:],) for line in lines)))
    if len(lines) == 1 and block.startswith("# "):
        return format_html("<h2>{}</h2>", block[2:])
    return format_html("<p>{}</p>", " ".join(line.strip() for line in lines))
