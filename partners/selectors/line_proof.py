"""What proves a line, as a file: its part of the issued statement with the way to the month's root, else its inputs."""

from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.scope import all_rows
from ledger.selectors import entry_with_postings
from partners.models import EarningDecision, Statement
from partners.selectors.explained import Explained, earning_explained
from partners.selectors.statements import statement_proven

FORMAT = "tributary-line/1"


def line_proof(*, decision_id: int, visible_to: User | None) -> dict[str, Any] | None:
    """Tell what was booked for a line and from what; None where it is not the reader's, or nothing was booked.

    `postings` are the party's own. `statement`: the issued one that lists them, with the head, those lines and, for
    each, its way to the statement's root and that root's way to the month's; None until the month is issued.
    """
    found = earning_explained(decision_id=decision_id, visible_to=visible_to)
    if found is None or found.entry_id is None:
        return None
    with all_rows():
        return _told(found, EarningDecision.objects.get(pk=decision_id))


def _told(found: Explained, decision: EarningDecision) -> dict[str, Any]:
    entry = entry_with_postings(entry_id=decision.entry_id or 0, visible_to=None)
    assert entry is not None
    assurance = found.assurance
    return {
        "format": FORMAT,
        "party": found.party.code,
        "order": decision.order_code,
        "line": decision.source_id,
        "currency": decision.currency,
        "amount": decision.amount_minor,
        "entry": {"id": entry.id, "hash": entry.body_hash, "seal": assurance.seal if assurance else None},
        "postings": [
            {"account": p.account, "amount": p.amount, "clause": p.clause}
            for p in entry.postings
            if p.line == decision.source_id and p.party_id == decision.party_id
        ],
        "computed": {
            "amount": found.computed,
            "paid": decision.paid_minor,
            "steps": [
                {"what": row.code, "side": row.side, "clause": row.clause, "how": row.formula, "amount": row.amount}
                for row in found.rows
            ],
        },
        "statement": _proven(decision, entry.id),
    }


def _proven(decision: EarningDecision, entry: int) -> dict[str, Any] | None:
    """The issued statement's lines about the entry, each with its proof."""
    rows = Statement.objects.select_related("of").filter(party=decision.party_id, currency=decision.currency)
    for statement in rows.filter(month__gte=timezone.localdate(decision.placed_at).replace(day=1)).order_by("month"):
        listed = statement.body["lines"]
        places = [i for i, row in enumerate(listed) if (row["entry"], row["line"]) == (entry, decision.source_id)]
        if places:
            whole = statement_proven(statement)
            return {
                **{key: whole[key] for key in ("format", "head", "root", "month")},
                "head_proof": whole["proofs"][0],
                "lines": [listed[i] for i in places],
                "proofs": [whole["proofs"][i + 1] for i in places],
            }
    return None
