"""Thousands of histories: the engine against the second engine, and against what must always hold."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.splits.books import Books
from ledger.splits.parse import parse_rule
from ledger.splits.state import Order, State
from tests.examples import examples
from tests.ledger.splits.desk import Desk
from tests.ledger.splits.model import Model

PARTIES = ("alice", "bob", "chan")
CURRENCIES = ("USD", "EUR")
bps = st.one_of(st.sampled_from([0, 1, 500, 3333, 5000, 10_000]), st.integers(0, 10_000))
small = st.integers(0, 120)
payees = st.sampled_from(["platform:revenue", "party:alice", "party:bob", "channel"])
tiers = st.tuples(st.integers(1, 60), st.integers(61, 200), bps, bps, bps).map(
    lambda t: [{"upto": t[0], "bp": t[2]}, {"upto": t[1], "bp": t[3]}, {"upto": None, "bp": t[4]}]
)
takes = st.one_of(
    st.fixed_dictionaries({"take": st.just("fixed"), "account": payees, "amount": st.integers(0, 40)}),
    st.fixed_dictionaries(
        {"take": st.just("percent"), "account": payees, "bp": bps, "of": st.sampled_from(["base", "remaining"])}
    ),
    st.just({"take": "processor_fee"}),
    st.fixed_dictionaries(
        {"take": st.just("tiered"), "account": payees, "mode": st.sampled_from(["cliff", "marginal"]), "tiers": tiers}
    ),
)


def members(*groups: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    accounts = st.sampled_from(["party:alice", "party:bob", "platform:revenue", *groups])
    one = st.fixed_dictionaries({"account": accounts, "weight": st.integers(0, 7)})
    return st.lists(one, min_size=1, max_size=4).filter(lambda found: any(member["weight"] for member in found))


instants = st.sampled_from(
    [
        "2026-01-31T23:59:59Z",
        "2026-02-01T00:00:00Z",
        "2026-02-01T08:00:00+08:00",
        "2026-03-05T12:00:00Z",
        "2026-03-12T12:00:00Z",
    ]
)

policies = st.sampled_from([{}, {"platform_revenue": "owner"}, {"processor_fee": "owner", "platform_revenue": "owner"}])


@st.composite
def waterfalls(draw: st.DrawFn) -> list[dict[str, Any]]:
    parties = draw(members("group:team", "group:core"))
    return [*draw(st.lists(takes, max_size=3)), {"take": "split", "parties": parties}]


@st.composite
def rules(draw: st.DrawFn, version: int = 1, start: str = "2026-02-01T00:00:00Z") -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": "r", "version": version, "effective_from": start, "owner": "party:alice",
        "reserve_bp": draw(st.sampled_from([0, 0, 1000, 5000])), "hold_days": draw(st.sampled_from([0, 7])),
        "refund_policy": draw(policies),
        "groups": {"core": draw(members()), "team": draw(members("group:core"))},
    }  # fmt: skip
    if draw(st.booleans()):
        own = {"when": {"channel_kind": "own"}, "steps": draw(waterfalls())}
        return {**rule, "variants": [own, {"when": {}, "steps": draw(waterfalls())}]}
    return {**rule, "steps": draw(waterfalls())}


@st.composite
def brought(draw: st.DrawFn) -> dict[str, Any]:
    """Who brought the buyer, and what each of them may still take."""
    several = draw(st.integers(0, 2))
    found: dict[str, Any] = {}
    if several == 1:
        found["channel"] = draw(st.sampled_from(["chan", "bob"]))
    elif several:
        rest, found["channels"] = 1_000_000, []
        for party in draw(st.lists(st.sampled_from(["chan", "bob", None]), max_size=3)):
            found["channels"].append({"party": party, "ppm": draw(st.sampled_from([0, 333_333, rest]))})
            rest -= found["channels"][-1]["ppm"]
            if rest < 333_333:
                break
    if draw(st.booleans()):
        found["limits"] = [{"party": party, "left": draw(st.integers(0, 20))} for party in ("chan", "bob")]
    return found


@st.composite
def sales(draw: st.DrawFn) -> dict[str, Any]:
    price = draw(small)
    sale: dict[str, Any] = {
        "type": "sale", "order": draw(st.sampled_from(["o1", "o2", "o3"])), "placed_at": draw(instants),
        "list_price": price,
        "currency": draw(st.sampled_from(CURRENCIES)), "meter_before": draw(small),
    }  # fmt: skip
    if draw(st.booleans()):
        first = draw(st.integers(0, price))
        second = draw(st.integers(0, price - first))
        bearers = st.sampled_from(["pool", "platform:promotions", "party:chan"])
        sale["discounts"] = [
            {"amount": first, "borne_by": draw(bearers)},
            {"amount": second, "borne_by": draw(bearers)},
        ]
    if draw(st.booleans()):
        sale["tax"] = {"mode": draw(st.sampled_from(["none", "exclusive", "inclusive"])), "rate_bp": draw(bps)}
    if draw(st.booleans()):
        sale["processor_fee"] = draw(st.integers(0, 30))
    sale |= draw(brought())
    if draw(st.integers(0, 3)) == 0:
        sale["refused"] = draw(st.lists(st.sampled_from(PARTIES), max_size=2))
    if draw(st.booleans()):
        sale["channel_kind"] = draw(st.sampled_from(["own", "other"]))
    paid_something = price > sum(discount["amount"] for discount in sale.get("discounts", []))
    if paid_something and draw(st.integers(0, 3)) == 0:
        sale["settlement"] = {"currency": "USD", "amount": draw(small)}
        sale["currency"] = "JPY"
    return sale


def about_orders() -> st.SearchStrategy[dict[str, Any]]:
    order = {"order": st.sampled_from(["o1"] * 8 + ["o2", "o3"])}
    amounts = st.integers(-1, 60)
    taken = {"settlement_amount": small}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("refund"), **order, "amount": amounts}, optional=taken),
        st.fixed_dictionaries({"type": st.just("refund"), **order, "amount": st.integers(1, 20)}),
        st.fixed_dictionaries({"type": st.just("void"), **order}),
        st.fixed_dictionaries(
            {"type": st.just("refund_reversal"), **order, "refund_index": st.sampled_from([0, 0, 0, 1, 1, 2])}
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("dispute_opened"),
                **order,
                "amount": small,
                "fee": st.just(15),
                "settlement_amount": small,
            }
        ),
        st.fixed_dictionaries({"type": st.just("dispute_won"), **order, "fee_returned": st.sampled_from([0, 15])}),
        st.fixed_dictionaries({"type": st.just("dispute_lost"), **order}),
        st.fixed_dictionaries({"type": st.just("release_reserve"), **order}),
        st.fixed_dictionaries(
            {
                "type": st.just("correct_rule"),
                "orders": st.sampled_from(["o1", "o1", "o2"]).map(lambda one: [one]),
                "rule": rules(version=9),
            }
        ),
    )


def about_parties() -> st.SearchStrategy[dict[str, Any]]:
    who = {"party": st.sampled_from(PARTIES), "currency": st.sampled_from(CURRENCIES)}
    weights = st.lists(
        st.fixed_dictionaries(
            {"account": st.sampled_from([f"party:{p}" for p in PARTIES]), "weight": st.integers(0, 5)}
        ),
        max_size=3,
    )
    run = {"minimum": st.sampled_from([0, 10]), "increment": st.sampled_from([1, 7]), "withholding_bp": bps}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("advance"), **who, "amount": st.integers(1, 80), "recoup_bp": bps}),
        st.fixed_dictionaries(
            {
                "type": st.just("period_close"),
                **who,
                "from": st.just("2026-02-01T00:00:00Z"),
                "to": st.just("2026-03-12T12:00:00Z"),
                "guarantee": small,
            }
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("pool"),
                "currency": who["currency"],
                "amount": small,
                "creator_bp": bps,
                "weights": weights,
            }
        ),
        st.fixed_dictionaries(
            {"type": st.just("payout_run"), **who, "at": instants, **run},
            optional={"fx": st.just({"currency": "KWD", "amount": 7})},
        ),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    versions = [draw(rules()), draw(rules(version=2, start="2026-03-12T20:00:00+08:00"))]
    first = draw(sales())
    first |= {"order": "o1", "placed_at": draw(instants.filter(lambda at: "-01-" not in at))}
    rest = draw(st.lists(st.one_of(sales(), about_orders(), about_orders(), about_parties()), min_size=1, max_size=14))
    return versions, [first, *rest]


def held_by_details(order: Order, account: str, days: int) -> int:
    """What movements of the sale say of themselves that they are not available so many days after the order."""
    return sum(
        d.amount for d in order.sale.details if d.account == account and d.hold_days is not None and d.hold_days > days
    )


def must_hold(state: State) -> None:
    """What no history may break: nothing over-reversed, nothing lost, nobody recouped beyond the advance."""
    for order in state.orders.values():
        for line in order.lines:
            facts = line.result.facts
            assert 0 <= line.refunded <= facts.payable
            assert 0 <= line.gross <= facts.settled
            for back, share in zip(line.reversed, line.result.shares, strict=True):
                assert 0 <= back <= share.amount
                assert share.amount > 0
            for back, borne in zip(line.given_back, facts.borne, strict=True):
                assert 0 <= back <= borne
            assert sum(share.amount for share in line.result.shares) == facts.settled + sum(facts.borne)
            assert sum(line.reversed) == line.gross + sum(line.given_back)
            if facts.payable and line.refunded == facts.payable:
                assert line.reversed == [share.amount for share in line.result.shares]
                assert line.given_back == list(facts.borne)
        for account in {f"party:{party}" for party in PARTIES}:
            for days in (0, 6, 7):
                at = order.placed_at + timedelta(days=days)
                assert order.held(account, at) == held_by_details(order, account, days)
    for currency in ("USD", "EUR", "KWD", "JPY"):
        assert sum(amount for (_, c), amount in state.balances.items() if c == currency) == 0
    for (account, _), amount in state.balances.items():
        assert amount <= 0 or not account.endswith(":advance")
        assert amount >= 0 or not account.endswith(":reserve")


@settings(max_examples=examples(150))
@given(histories())
def test_every_history_posts_what_the_second_engine_posts(
    case: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    versions, events = case
    books, model = Books([parse_rule(raw) for raw in versions]), Model(versions)
    for event in events:
        if event["type"] == "sale" and event["order"] in model.orders:
            assert books.apply(event).rejected == "duplicate_order"
            continue
        result, expected = books.apply(event), model.apply(event)
        if isinstance(expected, str):
            assert result.rejected == expected
        else:
            assert not result.rejected
            assert {(p.account, p.currency): p.amount for p in result.postings} == expected
        must_hold(books.state)
    assert {(p.account, p.currency): p.amount for p in books.balances()} == {
        k: v for k, v in model.balance.items() if v
    }


@settings(max_examples=examples(50))
@given(sales(), rules(start="2026-01-01T00:00:00Z"), st.lists(st.integers(1, 30), max_size=12))
def test_a_sale_refunded_piece_by_piece_ends_at_nothing(
    sale: dict[str, Any], raw: dict[str, Any], pieces: list[int]
) -> None:
    books = Books([parse_rule(raw)])
    books.apply({**sale, "order": "o1"})
    lines = books.state.orders["o1"].lines
    for piece in pieces:
        before = [list(line.reversed) for line in lines]
        books.apply({"type": "refund", "order": "o1", "amount": piece})
        for line, had in zip(lines, before, strict=True):
            assert all(now >= then for now, then in zip(line.reversed, had, strict=True))
            weights = [share.amount for share in line.result.shares]
            for now, weight in zip(line.reversed, weights, strict=True):
                assert abs(now * sum(weights) - sum(line.reversed) * weight) < sum(weights)
    books.apply({"type": "void", "order": "o1"})
    fees = sale.get("processor_fee", 0)
    kept = {"processor:clearing", "platform:processor_fees", "platform:revenue", "party:alice"}
    left = {posting.account: posting.amount for posting in books.balances()}
    assert set(left) <= kept
    assert left.get("processor:clearing", 0) == fees


@settings(max_examples=examples(50))
@given(sales(), rules(start="2026-01-01T00:00:00Z"), st.lists(st.integers(1, 40), max_size=4))
def test_correcting_to_the_same_rule_posts_nothing(
    sale: dict[str, Any], raw: dict[str, Any], pieces: list[int]
) -> None:
    books = Books([parse_rule(raw)])
    books.apply({**sale, "order": "o1"})
    for piece in pieces:
        books.apply({"type": "refund", "order": "o1", "amount": piece})
    assert books.apply({"type": "correct_rule", "orders": ["o1"], "rule": raw}).postings == ()


@st.composite
def orders_of_two(draw: st.DrawFn) -> dict[str, Any]:
    """An order of two lines, each with its own channels and price."""
    lines = [{"id": name, "list_price": draw(small), **draw(brought())} for name in ("a", "b")]
    return {"order": "o1", "lines": lines, "processor_fee": draw(st.integers(0, 9)), "meter_before": draw(small)}


@settings(max_examples=examples(50))
@given(orders_of_two(), rules(), rules(version=2), st.lists(st.integers(1, 30), max_size=3))
def test_line_by_line_comes_to_the_same_as_all_at_once(
    order: dict[str, Any], raw: dict[str, Any], other: dict[str, Any], pieces: list[int]
) -> None:
    whole, parts = Desk(parse_rule(raw)), Desk(parse_rule(raw))
    for desk in (whole, parts):
        desk.sale(**order)
        for piece in pieces:
            desk.apply("refund", order="o1", amount=piece)
    whole.post("correct_rule", orders=["o1"], rule=other)
    whole.post("release_reserve")
    for line in ("b", "a"):
        parts.post("correct_rule", orders=["o1"], line=line, rule=other)
        parts.post("release_reserve", line=line)
    assert parts.balances() == whole.balances()
    must_hold(parts.books.state)


@settings(max_examples=examples(50))
@given(sales(), rules(start="2026-01-01T00:00:00Z"), rules(version=2), st.lists(st.integers(1, 30), max_size=2))
def test_what_is_booked_on_hold_is_what_the_corrected_sale_holds(
    sale: dict[str, Any], raw: dict[str, Any], other: dict[str, Any], pieces: list[int]
) -> None:
    books = Books([parse_rule(raw)])
    events = [{**sale, "order": "o1"}, *({"type": "refund", "order": "o1", "amount": piece} for piece in pieces)]
    booked = [books.apply(event) for event in [*events, {"type": "correct_rule", "orders": ["o1"], "rule": other}]]
    held: dict[tuple[str, int | None], int] = {}
    for detail in (detail for result in booked for detail in result.details if detail.hold_days):
        key = detail.account, detail.hold_days
        held[key] = held.get(key, 0) + detail.amount
    now = books.state.orders["o1"].sale.details
    accounts = {detail.account for detail in now if detail.hold_days}
    assert {key: amount for key, amount in held.items() if amount} == {
        (account, other["hold_days"]): amount
        for account in accounts
        if (amount := sum(d.amount for d in now if d.account == account and d.hold_days))
    }
