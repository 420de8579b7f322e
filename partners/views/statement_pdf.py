"""A statement as a PDF, in the reader's language."""

import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ledger.money import decimal_from_minor
from ledger.selectors.arrivals import Hold
from partners.selectors.panel_words import hold_words
from partners.selectors.statements import MonthlyStatement, day_of, local_title
from partners.views.fonts import han_face
from partners.views.words import section_label

WIDTHS = (20, 34, 76, 26, 26)


def statement_pdf(statement: MonthlyStatement, words: Mapping[int, str], hold: Hold | None) -> bytes:
    """The summary by section, then every line, then the proof.

    `words`: what entries of claims are called; `hold`: what held payouts back at the month's end.
    """
    from fpdf import FPDF

    rows = _summary(statement)
    lines = [_line(statement, line, words) for line in statement.lines]
    title = _("Statement %(month)s") % {"month": date_format(statement.month, "YEAR_MONTH_FORMAT")}
    facts = _facts(statement)
    heads = [_("Booked"), _("Order"), _("What"), _("Amount"), _("Available from")]
    proof = _proof(statement)
    waits = [hold_words(hold)] if hold else []
    foot = _("Page")
    texts = [
        title,
        foot,
        *facts,
        *heads,
        *proof,
        *waits,
        *(cell for row in (*rows, *lines) for cell in row),
        "0123456789/ …",
    ]
    pdf = FPDF(format="A4")
    pdf.set_title(f"{statement.head['number']}")
    pdf.set_margin(14)
    pdf.set_auto_page_break(auto=True, margin=16)
    with tempfile.NamedTemporaryFile(suffix=".otf") as file:
        Path(file.name).write_bytes(han_face(texts))
        pdf.add_font("han", "", file.name)
    pdf.add_page()
    pdf.set_font("han", size=18)
    pdf.cell(0, 10, title, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("han", size=9)
    for fact in facts:
        pdf.multi_cell(0, 5, fact, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    for label, amount in rows:
        pdf.cell(120, 6, label, border="B")
        pdf.cell(0, 6, amount, border="B", align="R", new_x="LMARGIN", new_y="NEXT")
    for sentence in waits:
        pdf.ln(2)
        pdf.multi_cell(0, 5, sentence, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(6)
    _table(pdf, heads, lines)
    pdf.ln(4)
    pdf.set_font("han", size=7)
    for sentence in proof:
        pdf.multi_cell(0, 4, sentence, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def _table(pdf: Any, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    pdf.set_font("han", size=7.5)
    for row in (heads, *lines):
        if pdf.will_page_break(5):
            pdf.add_page()
        for i, (width, cell) in enumerate(zip(WIDTHS, row, strict=True)):
            pdf.cell(width, 5, _fitted(pdf, cell, width - 2), border="B", align="R" if i >= 3 else "L")
        pdf.ln()


def _fitted(pdf: Any, text: str, width: float) -> str:
    """Text as long as the column is wide."""
    if pdf.get_string_width(text) <= width:
        return text
    while text and pdf.get_string_width(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def _facts(statement: MonthlyStatement) -> list[str]:
    number = statement.head["number"] if statement.issued else _("Draft: the month is not closed yet")
    return [
        f"{settings.PLATFORM_NAME} · {statement.party.local_name} ({statement.party.code})",
        f"{number} · {statement.currency}",
        _("Days of %(zone)s. Amounts in %(currency)s.") % {"zone": settings.TIME_ZONE, "currency": statement.currency},
    ]


def _summary(statement: MonthlyStatement) -> list[tuple[str, str]]:
    cur = statement.currency
    rows = [(_("Opening balance"), _amount(statement.opening, cur))]
    rows += [(f"{section_label(section)} ({n})", _amount(minor, cur)) for section, n, minor in statement.sums()]
    rows.append((_("Closing balance"), _amount(statement.closing, cur)))
    held, freed = statement.maturing()
    rows.append((_("Of it free at the month's end"), _amount(statement.closing - held, cur)))
    rows.append((_("Of it still in a holding period then"), _amount(held, cur)))
    rows.append((_("Became free within the month"), _amount(freed, cur)))
    for account, label in (("reserve", _("Reserve at the end")), ("advance", _("Advance still open"))):
        minor = statement.head["closing"][account]
        if minor or statement.head["opening"][account]:
            rows.append((label, _amount(minor, cur)))
    return rows


def _amount(minor: int, currency: str) -> str:
    """All decimals of the currency, thousands in groups; its code stands above."""
    return f"{Decimal(decimal_from_minor(minor, currency)):,}".replace("-", "−")


def _line(statement: MonthlyStatement, line: Any, words: Mapping[int, str]) -> tuple[str, str, str, str, str]:
    title = words.get(line["entry"]) or local_title(line) or line["note"]
    what = f"{section_label(line['section'])} · {title}".removesuffix(" · ")
    free = day_of(line["available_from"]).isoformat() if line["available_from"] else ""
    amount = _amount(line["amount"], statement.currency)
    return line["booked_on"], line["order"], what, amount, free


def _proof(statement: MonthlyStatement) -> list[str]:
    issued = statement.issued
    if issued is None:
        return []
    month = _("Root of the month: %(root)s") % {"root": issued.of.root}
    if issued.of.seal_digest:
        month = _("Root of the month: %(root)s, with seal %(seal)d of the ledger %(digest)s") % {
            "root": issued.of.root,
            "seal": issued.of.seal_number,
            "digest": issued.of.seal_digest,
        }
    return [
        _("Root of this statement: %(root)s") % {"root": issued.root},
        month,
        _("The JSON file proves every line; verify_statement.py checks it without this portal."),
    ]
