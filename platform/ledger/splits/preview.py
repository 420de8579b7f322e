"""Golden files: cases of rules and events in, what each event posts out. Needs no database."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ledger.splits.books import Books
from ledger.splits.parse import parse_rule
from ledger.splits.problems import SplitsError
from ledger.splits.reading import Reader, shown
from ledger.splits.rule import Rule
from ledger.splits.sale import Posting
from ledger.splits.state import Result

FORMAT = "golden-splits/1"
MAX_DEPTH = 100
"""Objects and lists within each other; what follows walks them by calling itself."""
MAX_DIGITS = 1_000
"""Of one number. Sums and conversions of such numbers can still be written as text, for which Python has a bound."""


class PreviewError(ValueError):
    """A file that cannot be previewed; the message is one line naming the case, the event and the field."""


def parse_document(text: str) -> object:
    """Parse a file's JSON.

    PreviewError where it is broken, names a field twice, is nested too deeply, or holds NaN, Infinity, a number of too
    many digits, or a text that no database can keep.
    """
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise PreviewError(f"broken JSON in line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise PreviewError("broken JSON: nested too deeply") from error
    if _depth(document) > MAX_DEPTH:
        raise PreviewError("broken JSON: nested too deeply")
    return document


def preview(document: object) -> dict[str, Any]:
    """Run every case of a golden-splits/1 document on empty books.

    Returns {"cases": {id: {"results": [{"postings": [...]} or {"rejected": code}, ...], "balances_after": [...]}}}.
    PreviewError on the first thing that is wrong; expected values in the document are not looked at.
    """
    return {"cases": {case_id: run_case(case_id, case) for case_id, case in read_cases(document)}}


def read_cases(document: object) -> list[tuple[str, Reader]]:
    """Check a document's frame and return its cases by id, in order."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise PreviewError(f'the file is not in the format {FORMAT}: it must be an object with "format": "{FORMAT}"')
    cases = document.get("cases")
    if not isinstance(cases, list):
        raise PreviewError("cases must be a list")
    found: dict[str, Reader] = {}
    for i, raw in enumerate(cases):
        try:
            case = Reader(raw, f"cases[{i}]")
            case_id = case.text("id")
        except SplitsError as error:
            raise PreviewError(str(error)) from error
        if case_id in found:
            raise PreviewError(f"case {case_id}: the id is used twice")
        found[case_id] = case
    return list(found.items())


def read_rules(case_id: str, case: Reader) -> list[Rule]:
    """Read a case's rule versions."""
    try:
        return [parse_rule(raw, f"rules[{i}]") for i, raw in enumerate(list_of(case, "rules"))]
    except SplitsError as error:
        raise PreviewError(f"case {case_id}: {error}") from error


def run_case(case_id: str, case: Reader) -> dict[str, Any]:
    """Apply a case's events to empty books."""
    books = Books(read_rules(case_id, case))
    try:
        events = list_of(case, "events")
    except SplitsError as error:
        raise PreviewError(f"case {case_id}: {error}") from error
    results = []
    for i, event in enumerate(events):
        try:
            results.append(told(books.apply(event)))
        except SplitsError as error:
            raise PreviewError(f"case {case_id}, event {i}{kind_of(event)}: {error}") from error
    return {"results": results, "balances_after": amounts(books.balances())}


def told(result: Result) -> dict[str, Any]:
    """Return what an event posted, or why it was rejected, as the file format has it."""
    return {"rejected": result.rejected} if result.rejected else {"postings": amounts(result.postings)}


def amounts(postings: Iterable[Posting]) -> list[dict[str, Any]]:
    """Return postings as the file format has them."""
    return [{"account": p.account, "currency": p.currency, "amount": p.amount} for p in postings]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise PreviewError(f"broken JSON: one object has the field {key!r} twice")
        if any(isinstance(text, str) and not _keepable(text) for text in (key, *_entries(value))):
            raise PreviewError(f"the field {key!r} holds a zero character or half of a surrogate pair")
        found[key] = value
    return found


def _entries(value: Any) -> Iterator[Any]:
    """Yield a value, or what a list and the lists within it hold; objects were looked at when they were read."""
    waiting = [value]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, list):
            waiting.extend(entry)
        else:
            yield entry


def _depth(document: Any) -> int:
    """Return how many objects and lists lie within each other, counted no further than is of use."""
    layer, depth = [document], 0
    while depth <= MAX_DEPTH:
        layer = [value for value in layer if isinstance(value, dict | list)]
        if not layer:
            break
        depth += 1
        layer = [inner for value in layer for inner in (value.values() if isinstance(value, dict) else value)]
    return depth


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise PreviewError("broken JSON: a number has too many digits")
    return int(digits)


def _keepable(text: str) -> bool:
    """JSON's escapes can spell what is no text in UTF-8, and a zero, which PostgreSQL's texts cannot hold."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _refuse_constant(name: str) -> None:
    raise PreviewError(f"broken JSON: {name} is not a number")


def list_of(case: Reader, key: str) -> Sequence[Any]:
    """Return a case's rules or events."""
    if not case.has(key):
        raise Reader(case.raw).fail("missing", key)
    return Reader(case.raw).values(key)


def kind_of(event: object) -> str:
    """Return an event's kind in brackets, for a message; empty where it has none."""
    kind = event.get("type") if isinstance(event, Mapping) else None
    return f" ({shown(kind)})" if kind is not None else ""
