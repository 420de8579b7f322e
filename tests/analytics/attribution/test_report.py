"""A channel table's columns sum to what went in, and its ratios are sums over sums."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.report import ChannelRow, CreditedOrder, Ratio, channel_table
from ledger.money import apportion

credits_of_an_order = st.lists(st.integers(0, 100), min_size=1, max_size=5).map(
    lambda weights: dict(zip([None, 1, 2, 3, 4], apportion(1_000_000, [w + 1 for w in weights]), strict=False))
)
orders = st.lists(st.builds(CreditedOrder, st.integers(0, 10**9), credits_of_an_order, st.booleans()), max_size=20)


@given(orders=orders, spend=st.dictionaries(st.integers(1, 6), st.integers(0, 10**9)))
@settings(deadline=None)
def test_every_column_sums_to_what_went_in(orders: list[CreditedOrder], spend: dict[int, int]) -> None:
    table = channel_table(orders, spend=spend)
    rows = table.rows.values()
    assert sum(row.revenue_minor for row in rows) == sum(o.revenue_minor for o in orders) == table.total.revenue_minor
    assert sum(row.orders_ppm for row in rows) == 1_000_000 * len(orders) == table.total.orders_ppm
    assert sum(row.buyers_ppm for row in rows) == 1_000_000 * sum(o.first for o in orders) == table.total.buyers_ppm
    assert sum(row.spend_minor for row in rows) == sum(spend.values()) == table.total.spend_minor
    assert None in table.rows


def test_ratios_of_the_total_are_not_averages_of_ratios() -> None:
    table = channel_table(
        [
            CreditedOrder(10_000, {1: 1_000_000}, first=True),
            CreditedOrder(10_000, {1: 250_000, 2: 750_000}),
            CreditedOrder(999, {None: 1_000_000}, first=True),
        ],
        spend={1: 5_000, 2: 100, 3: 40},
    )
    assert table.rows[1] == ChannelRow(5_000, 12_500, 1_250_000, 1_000_000)
    assert table.rows[1].roas == Ratio(12_500, 5_000)
    assert table.rows[1].cac == Ratio(5_000 * 1_000_000, 1_000_000)
    assert table.rows[1].cost_per_order == Ratio(5_000 * 1_000_000, 1_250_000)
    assert table.rows[2].cac is None
    assert table.rows[3].cost_per_order is None
    assert table.rows[None].roas is None
    assert table.total.roas == Ratio(20_999, 5_140)
    assert table.total.cac == Ratio(5_140 * 1_000_000, 2_000_000)


def test_an_order_of_one_cent_is_not_lost() -> None:
    table = channel_table([CreditedOrder(1, {1: 333_333, 2: 333_334, 3: 333_333})], spend={})
    assert [table.rows[channel].revenue_minor for channel in (1, 2, 3)] == [0, 1, 0]


def test_credit_that_does_not_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="credit sums to 999999, not to 1000000"):
        channel_table([CreditedOrder(1, {1: 999_999})], spend={})
