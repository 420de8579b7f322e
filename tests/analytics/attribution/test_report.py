"""Ratios of a channel table: sums over sums, and none where there is nothing to divide by."""

from analytics.attribution.report import ChannelRow, Ratio


def test_ratios_of_a_total_are_not_averages_of_ratios() -> None:
    one = ChannelRow(spend_minor=1_000, revenue_minor=5_000, orders_ppm=1_250_000, buyers_ppm=1_000_000)
    two = ChannelRow(spend_minor=9_000, revenue_minor=9_000, orders_ppm=750_000, buyers_ppm=500_000)
    total = ChannelRow(spend_minor=10_000, revenue_minor=14_000, orders_ppm=2_000_000, buyers_ppm=1_500_000)
    assert (one.roas, two.roas, total.roas) == (Ratio(5_000, 1_000), Ratio(9_000, 9_000), Ratio(14_000, 10_000))
    assert total.cac == Ratio(10_000 * 1_000_000, 1_500_000)


def test_without_spend_or_buyers_there_is_no_ratio_rather_than_a_zero() -> None:
    row = ChannelRow(revenue_minor=700)
    assert row.roas is None
    assert row.cac is None
