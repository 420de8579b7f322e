"""Random histories: rules, and what happens to orders and parties under them, as plain data."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]
History = tuple[list[Row], list[Row]]
"""The rule versions, and the events in order."""

PARTIES = ("alice", "bob", "chan")
CURRENCIES = ("USD", "EUR")
LINES = ("a", "b", "c")
bps = st.one_of(st.sampled_from([0, 1, 500, 3333, 5000, 10_000]), st.integers(0, 10_000))
small = st.integers(0, 120)
seldom = st.integers(0, 3).map(lambda number: number == 3)
payees = st.sampled_from(["platform:revenue", "party:alice", "party:bob", "channel"])
bearers = st.sampled_from(["pool", "platform:promotions", "party:chan"])
tiers = st.tuples(st.integers(1, 60), st.integers(61, 200), bps, bps, bps).map(
    lambda t: [{"upto": t[0], "bp": t[2]}, {"upto": t[1], "bp": t[3]}, {"upto": None, "bp": t[4]}]
)
instants = st.sampled_from(
    [
        "2026-01-31T23:59:59Z",
        "2026-02-01T00:00:00Z",
        "2026-02-01T08:00:00+08:00",
        "2026-03-05T12:00:00Z",
        "2026-03-12T12:00:00Z",
    ]
)
under_rules = instants.filter(lambda at: "-01-" not in at)
policies = st.sampled_from([{}, {"platform_revenue": "owner"}, {"processor_fee": "owner", "platform_revenue": "owner"}])
takes = st.lists(
    st.one_of(
        st.fixed_dictionaries({"take": st.just("fixed"), "account": payees, "amount": st.integers(0, 40)}),
        st.fixed_dictionaries(
            {"take": st.just("percent"), "account": payees, "bp": bps, "of": st.sampled_from(["base", "remaining"])}
        ),
        st.just({"take": "processor_fee"}),
        st.fixed_dictionaries(
            {
                "take": st.just("tiered"),
                "account": payees,
                "mode": st.sampled_from(["cliff", "marginal"]),
                "tiers": tiers,
            }
        ),
    ),
    max_size=3,
)


def members(*groups: str) -> st.SearchStrategy[list[Row]]:
    accounts = st.sampled_from(["party:alice", "party:bob", "platform:revenue", *groups])
    one = st.fixed_dictionaries({"account": accounts, "weight": st.integers(0, 7)})
    return st.lists(one, min_size=1, max_size=4).filter(lambda found: any(member["weight"] for member in found))


sharing, core, team = members("group:team", "group:core"), members(), members("group:core")


def waterfall(draw: st.DrawFn) -> list[Row]:
    return [*draw(takes), {"take": "split", "parties": draw(sharing)}]


@st.composite
def rules(draw: st.DrawFn, version: int = 1, start: str = "2026-02-01T00:00:00Z", name: str = "r") -> Row:
    rule: Row = {
        "id": name, "version": version, "effective_from": start, "owner": "party:alice",
        "reserve_bp": draw(st.sampled_from([0, 0, 1000, 5000])), "hold_days": draw(st.sampled_from([0, 7])),
        "refund_policy": draw(policies),
        "groups": {"core": draw(core), "team": draw(team)},
    }  # fmt: skip
    if draw(st.booleans()):
        own = {"when": {"channel_kind": "own"}, "steps": waterfall(draw)}
        return {**rule, "variants": [own, {"when": {}, "steps": waterfall(draw)}]}
    return {**rule, "steps": waterfall(draw)}


@st.composite
def brought(draw: st.DrawFn) -> Row:
    """Who brought the buyer, and what each of them may still take."""
    several = draw(st.integers(0, 2))
    found: Row = {}
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


def discounts(draw: st.DrawFn, most: int) -> list[Row]:
    first = draw(st.integers(0, most))
    return [{"amount": x, "borne_by": draw(bearers)} for x in (first, draw(st.integers(0, most - first)))]


def tax(draw: st.DrawFn) -> Row:
    return {"mode": draw(st.sampled_from(["none", "exclusive", "inclusive"])), "rate_bp": draw(bps)}


def about_the_buyer(draw: st.DrawFn) -> Row:
    found: Row = {}
    if draw(seldom):
        found["refused"] = draw(st.lists(st.sampled_from(PARTIES), max_size=2))
    if draw(st.booleans()):
        found["channel_kind"] = draw(st.sampled_from(["own", "other"]))
    return found


@st.composite
def sales(draw: st.DrawFn, *, several: bool = False) -> Row:
    """An order of one line, or of two or three that say for themselves what the order does not say for all."""
    sale: Row = {
        "type": "sale", "order": draw(st.sampled_from(["o1", "o2", "o3"])), "placed_at": draw(instants),
        "currency": draw(st.sampled_from(CURRENCIES)), "meter_before": draw(small), **about_the_buyer(draw),
    }  # fmt: skip
    if several:
        sale["lines"] = [line(draw, name) for name in LINES[: draw(st.integers(2, 3))]]
    else:
        sale["list_price"] = draw(small)
    room = sum(x["list_price"] - sum(d["amount"] for d in x.get("discounts", [])) for x in sale.get("lines", [sale]))
    if draw(st.booleans()):
        sale["discounts"] = discounts(draw, room)
        room -= sum(discount["amount"] for discount in sale["discounts"])
    if draw(st.booleans()):
        sale["tax"] = tax(draw)
        if draw(st.booleans()) and any("tax" not in line for line in sale.get("lines", [])):
            sale["tax"] = {"mode": "exclusive", "amount": draw(small)}
    if draw(st.booleans()):
        sale["processor_fee"] = draw(st.integers(0, 30))
    who = draw(brought())
    sale |= {key: value for key, value in who.items() if not (several and key == "limits")}
    if room and draw(seldom):
        sale["settlement"] = {"currency": "USD", "amount": draw(small)}
        sale["currency"] = "JPY"
    return sale


def line(draw: st.DrawFn, name: str) -> Row:
    """A line of an order; most of what it could say is left to the order."""
    found: Row = {"id": name, "list_price": draw(small)}
    if draw(seldom):
        found["discounts"] = discounts(draw, found["list_price"])
    if draw(seldom):
        found["tax"] = tax(draw)
    if draw(st.booleans()):
        found |= draw(brought())
    if draw(seldom):
        found |= {"meter_before": draw(small), **about_the_buyer(draw)}
    if draw(seldom):
        found["rule"] = draw(st.sampled_from(["r", "s"]))
    return found


which = {"order": st.sampled_from(["o1"] * 8 + ["o2", "o3"])}
of_a_line = {"line": st.sampled_from(LINES)}
settled = {"settlement_amount": small}
about_orders = st.one_of(
    st.fixed_dictionaries({"type": st.just("refund"), **which, "amount": st.integers(-1, 60)}, optional=settled),
    st.fixed_dictionaries({"type": st.just("refund"), **which, "amount": st.integers(1, 20)}, optional=of_a_line),
    st.fixed_dictionaries({"type": st.just("void"), **which}, optional=of_a_line),
    st.fixed_dictionaries(
        {"type": st.just("refund_reversal"), **which, "refund_index": st.sampled_from([0, 0, 0, 1, 1, 2])}
    ),
    st.fixed_dictionaries(
        {"type": st.just("dispute_opened"), **which, "amount": small, "fee": st.just(15), **settled}, optional=of_a_line
    ),
    st.fixed_dictionaries({"type": st.just("dispute_opened"), **which, "amount": small, "fee": st.just(15)}),
    st.fixed_dictionaries({"type": st.just("dispute_won"), **which, "fee_returned": st.sampled_from([0, 15])}),
    st.fixed_dictionaries({"type": st.just("dispute_lost"), **which}),
    st.fixed_dictionaries({"type": st.just("release_reserve"), **which}, optional=of_a_line),
    st.fixed_dictionaries(
        {
            "type": st.just("correct_rule"),
            "orders": st.sampled_from([["o1"], ["o1"], ["o2"], ["o1", "o2"], ["o2", "o1"]]),
            "rule": rules(version=9),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("correct_rule"), "orders": st.just(["o1"]), "rule": rules(version=9), **of_a_line}
    ),
)
who = {"party": st.sampled_from(PARTIES), "currency": st.sampled_from(CURRENCIES)}
weights = st.lists(
    st.fixed_dictionaries({"account": st.sampled_from([f"party:{p}" for p in PARTIES]), "weight": st.integers(0, 5)}),
    max_size=3,
)
about_parties = st.one_of(
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
        {
            "type": st.just("payout_run"),
            **who,
            "at": instants,
            "minimum": st.sampled_from([0, 10]),
            "increment": st.sampled_from([1, 7]),
            "withholding_bp": bps,
        },
        optional={"fx": st.just({"currency": "KWD", "amount": 7})},
    ),
)
versions = st.tuples(
    rules(), rules(version=2, start="2026-03-12T20:00:00+08:00"), rules(name="s", start="2026-02-01T00:00:00Z")
)
any_sale = st.one_of(sales(), sales(several=True))
rest = st.lists(st.one_of(any_sale, about_orders, about_orders, about_parties), min_size=1, max_size=14)


@st.composite
def histories(draw: st.DrawFn) -> History:
    first = draw(any_sale) | {"order": "o1", "placed_at": draw(under_rules)}
    events = [first, *draw(rest)]
    if draw(seldom):
        events = twice(events, draw(st.integers(0, len(events) - 1)), draw(st.integers(0, len(events))))
    return list(draw(versions))[: draw(st.integers(2, 3))], events


def twice(events: Sequence[Row], which_one: int, other: int) -> list[Row]:
    """Say an event again at the end under the same id, or another event under its id."""
    named = {**events[which_one], "event_id": "E"}
    again = {**events[other], "event_id": "E"} if other < len(events) else named
    return [*events[:which_one], named, *events[which_one + 1 :], again]
