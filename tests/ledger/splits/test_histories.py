"""Thousands of histories: the engine against the second engine, and against what must always hold."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.splits.books import Books
from ledger.splits.parse import parse_rule
from ledger.splits.state import State
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
splits = st.lists(
    st.tuples(st.sampled_from(["party:alice", "party:bob", "platform:revenue"]), st.integers(0, 7)),
    min_size=1,
    max_size=4,
).filter(lambda parties: any(weight for _, weight in parties))
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
    parties = [{"account": account, "weight": weight} for account, weight in draw(splits)]
    return [*draw(st.lists(takes, max_size=3)), {"take": "split", "parties": parties}]


@st.composite
def rules(draw: st.DrawFn, version: int = 1, start: str = "2026-02-01T00:00:00Z") -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": "r", "version": version, "effective_from": start, "owner": "party:alice",
        "reserve_bp": draw(st.sampled_from([0, 0, 1000, 5000])), "hold_days": draw(st.sampled_from([0, 7])),
        "refund_policy": draw(policies),
    }  # fmt: skip
    if draw(st.booleans()):
        own = {"when": {"channel_kind": "own"}, "steps": draw(waterfalls())}
        return {**rule, "variants": [own, {"when": {}, "steps": draw(waterfalls())}]}
    return {**rule, "steps": draw(waterfalls())}


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
    if draw(st.booleans()):
        sale["channel"] = draw(st.sampled_from(["chan", "bob"]))
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
    for currency in ("USD", "EUR", "KWD", "JPY"):
        assert sum(amount for (_, c), amount in state.balances.items() if c == currency) == 0
    for (account, _), amount in state.balances.items():
        assert amount <= 0 or not account.endswith(":advance")
        assert amount >= 0 or not account.endswith(":reserve")


@settings(max_examples=150, deadline=None)
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


@settings(max_examples=50, deadline=None)
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


@settings(max_examples=50, deadline=None)
@given(sales(), rules(start="2026-01-01T00:00:00Z"), st.lists(st.integers(1, 40), max_size=4))
def test_correcting_to_the_same_rule_posts_nothing(
    sale: dict[str, Any], raw: dict[str, Any], pieces: list[int]
) -> None:
    books = Books([parse_rule(raw)])
    books.apply({**sale, "order": "o1"})
    for piece in pieces:
        books.apply({"type": "refund", "order": "o1", "amount": piece})
    assert books.apply({"type": "correct_rule", "orders": ["o1"], "rule": raw}).postings == ()
