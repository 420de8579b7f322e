"""Faults of the split engine: a dropped step, another rounding, a lost remainder, a wrong sign, a forgotten bound."""

from tests.mutants.fault import Fault

MONEY = "platform/ledger/money.py"
SPLITS = "platform/ledger/splits/"
ROOM = "tests/ledger/splits/"

_OF_MONEY = ("tests/ledger/test_money.py",)
_SALES = (ROOM + "test_sale.py", ROOM + "test_order_lines.py", ROOM + "test_limits.py", ROOM + "test_plain.py")
_AFTER = (ROOM + "test_reversals.py", ROOM + "test_order_lines.py", ROOM + "test_histories.py")
_PAYING = (ROOM + "test_payouts.py", ROOM + "test_histories.py")


def _money(name: str, old: str, new: str) -> Fault:
    return Fault(name, MONEY, old, new, _OF_MONEY)


def _of(file: str, tests: tuple[str, ...], name: str, old: str, new: str) -> Fault:
    return Fault(name, SPLITS + file, old, new, tests)


ENGINE: tuple[Fault, ...] = (
    _money(
        "half up becomes down",
        "return (2 * numerator + denominator) // (2 * denominator)",
        "return numerator // denominator",
    ),
    _money(
        "an exact half is lost by the taker",
        "return (2 * amount * bp + BP) // (2 * BP)",
        "return (2 * amount * bp + BP - 1) // (2 * BP)",
    ),
    _money(
        "ties go to the later line",
        "for i in sorted(range(len(weights)), key=rests.__getitem__, reverse=True)[:odd_units]:",
        "for i in sorted(range(len(weights)), key=lambda i: (rests[i], i), reverse=True)[:odd_units]:",
    ),
    _money(
        "a unit is lost",
        "key=rests.__getitem__, reverse=True)[:odd_units]:",
        "key=rests.__getitem__, reverse=True)[: odd_units - 1]:",
    ),
    _money("history is forgotten", "quota_total = total + sum(got)", "quota_total = total"),
    _money(
        "the smallest deficit is served first",
        "for i in sorted(running, key=lambda i: result[i].left, reverse=True)",
        "for i in sorted(running, key=lambda i: result[i].left)",
    ),
    _money(
        "whoever is ahead is not left out",
        "    if cost <= total:\n        return 0",
        "    if cost >= 0:\n        return 0",
    ),
    _money(
        "a weight of zero is served",
        "if w else None for w, g in zip(weights, got, strict=True)]",
        "for w, g in zip(weights, got, strict=True)]",
    ),
    _of("sale.py", _SALES, "a step takes more than remains", "amount = min(wanted, remaining)", "amount = wanted"),
    _of("sale.py", _SALES, "tax is dropped", "if line.settled_tax else []\n    taken", "if False else []\n    taken"),
    _of(
        "sale.py",
        _SALES,
        "no reserve is kept",
        "kept = pct(amount, reserve_bp) if reserve_bp",
        "kept = 0 if reserve_bp",
    ),
    _of(
        "sale.py",
        _SALES,
        "the reserve comes on top",
        "Share(member.account, amount - kept, member.path)",
        "Share(member.account, amount, member.path)",
    ),
    _of(
        "sale.py",
        _SALES,
        "credit of nobody is taken",
        "if channel.party is None or not part:\n            continue",
        "if not part:\n            continue\n        if channel.party is None:\n            taken += part\n            continue",
    ),
    _of("sale.py", _SALES, "a limit is ignored", "got = min(part, limits.get(channel.party, part))", "got = part"),
    _of("sale.py", _SALES, "a limit is not used up", "limits[channel.party] -= got", "limits[channel.party] -= 0"),
    _of(
        "sale.py",
        _SALES,
        "an own purchase earns",
        "refused = _refuse(line.refused, shares) if line.refused else ()",
        "refused = ()",
    ),
    _of(
        "sale.py",
        _SALES,
        "clearing has the wrong sign",
        "Detail(CLEARING, cur, fee - facts.settled,",
        "Detail(CLEARING, cur, facts.settled - fee,",
    ),
    _of(
        "sale.py",
        _SALES,
        "the fee stays at the processor",
        "Detail(CLEARING, cur, fee - facts.settled,",
        "Detail(CLEARING, cur, -facts.settled,",
    ),
    _of(
        "sale.py",
        _SALES,
        "a bearer earns its discount",
        "Detail(discount.borne_by, cur, -borne, line",
        "Detail(discount.borne_by, cur, borne, line",
    ),
    _of("sale.py", _PAYING, "more than the advance is recouped", "amount = min(left, wanted)", "amount = wanted"),
    _of("sale.py", _PAYING, "the hold is forgotten", "clause, hold if is_payable(account) else None)", "clause, None)"),
    _of(
        "lines.py",
        _SALES,
        "the base shrinks by borne discounts",
        "self.settled - self.settled_tax + sum(self.borne)",
        "self.settled - self.settled_tax",
    ),
    _of(
        "lines.py",
        _SALES,
        "tax is revenue",
        "self.settled - self.settled_tax + sum(self.borne)",
        "self.settled + sum(self.borne)",
    ),
    _of(
        "facts.py",
        _SALES,
        "tax on top is computed as if inside",
        "due = half_up(net * tax.rate_bp, BP)\n",
        "due = half_up(net * tax.rate_bp, BP + tax.rate_bp)\n",
    ),
    _of(
        "facts.py",
        _SALES,
        "tax on top is not paid",
        "payable = net + due if tax.mode == EXCLUSIVE else net",
        "payable = net",
    ),
    _of(
        "facts.py",
        _SALES,
        "settled tax is cut",
        "settled_tax=half_up(line.tax * n, d),",
        "settled_tax=line.tax * n // d,",
    ),
    _of(
        "facts.py",
        _SALES,
        "the fee falls on list prices",
        'fees = divided(log, "processor_fee", "sale.processor_fee", fee, [line.payable for line in lines])',
        'fees = divided(log, "processor_fee", "sale.processor_fee", fee, [line.list_price for line in lines])',
    ),
    _of(
        "plain.py",
        (ROOM + "test_plain.py",),
        "what is read in one go takes a borne discount for the pool's",
        "d.borne_by != POOL",
        "d.borne_by == POOL",
    ),
    _of(
        "rule.py",
        (ROOM + "test_rules.py", ROOM + "test_sale.py", ROOM + "test_books.py"),
        "the start is exclusive",
        "r.effective_from <= placed_at",
        "r.effective_from < placed_at",
    ),
    _of(
        "rule.py",
        (ROOM + "test_rules.py", ROOM + "test_sale.py", ROOM + "test_books.py"),
        "the oldest version wins",
        "return max(candidates, key=lambda rule:",
        "return min(candidates, key=lambda rule:",
    ),
    _of(
        "rule.py",
        _SALES,
        "a tier ends on its bound",
        "if tier.upto is None or meter < tier.upto)",
        "if tier.upto is None or meter <= tier.upto)",
    ),
    _of(
        "rule.py",
        _SALES,
        "a scale starts at zero",
        "parts, at, end = [], meter, meter + amount",
        "parts, at, end = [], 0, amount",
    ),
    _of(
        "rule.py",
        _SALES,
        "base and remainder are exchanged",
        "return pct(base if self.of_base else remaining, self.bp)",
        "return pct(remaining if self.of_base else base, self.bp)",
    ),
    _of(
        "rule.py",
        _SALES,
        "one condition is enough",
        "return not self.when or all(_same(value, _field(key, facts))",
        "return not self.when or any(_same(value, _field(key, facts))",
    ),
    _of(
        "rule.py",
        (*_SALES, ROOM + "test_rules.py"),
        "one equals true",
        "return type(a) is type(b) and a == b",
        "return a == b",
    ),
    _of(
        "reversals.py",
        _AFTER,
        "the last unit is computed, not taken",
        "if void or (amount and done == facts.payable):",
        "if void:",
    ),
    _of(
        "reversals.py",
        _AFTER,
        "bearers pay the discount again",
        "found.append(Detail(discount.borne_by, cur, amount, facts.id",
        "found.append(Detail(discount.borne_by, cur, -amount, facts.id",
    ),
    _of(
        "reversals.py",
        _AFTER,
        "the exchange result has the wrong sign",
        'found.append(Detail(FX_RESULT, cur, gross - settled, "", ""))',
        'found.append(Detail(FX_RESULT, cur, settled - gross, "", ""))',
    ),
    _of(
        "reversals.py",
        _AFTER,
        "refunds forget what was reversed",
        "shares = apportion(gross + sum(given_back), weights, line.reversed)",
        "shares = apportion(gross + sum(given_back), weights)",
    ),
    _of(
        "reversals.py",
        _AFTER,
        "lines forget what was refunded",
        "amounts = apportion(amount, paid, [line.refunded for line in lines])",
        "amounts = apportion(amount, paid)",
    ),
    _of(
        "refunds.py",
        _AFTER,
        "a disputed order is refunded",
        '    if order.dispute:\n        raise RejectedError("dispute_open")\n    return order',
        "    return order",
    ),
    _of(
        "refunds.py",
        _AFTER,
        "more than is left is refunded",
        "if amount <= 0 or amount > sum(order.lines[i].left for i in indices):",
        "if amount <= 0:",
    ),
    _of("refunds.py", _AFTER, "a refund is taken back twice", "if not refunded.live:", "if False:"),
    _of(
        "disputes.py",
        _AFTER,
        "a dispute takes more than is left",
        "parts = plan(order, min(amount, left), indices)",
        "parts = plan(order, amount, indices)",
    ),
    _of(
        "disputes.py",
        _AFTER,
        "a won dispute stays open",
        "    order.undo(dispute)\n    order.dispute = None",
        "    order.undo(dispute)",
    ),
    _of("disputes.py", _AFTER, "the fee comes back whole", "kept = dispute.fee - returned", "kept = 0"),
    _of(
        "state.py",
        _PAYING,
        "a hold lasts one instant longer",
        "if at - self.placed_at < timedelta(days=line.result.rule.hold_days)",
        "if at - self.placed_at <= timedelta(days=line.result.rule.hold_days)",
    ),
    _of("state.py", _AFTER, "the platform bears what the owner should", "return rule.owner\n", "return account\n"),
    _of(
        "state.py",
        _PAYING,
        "a guarantee ignores reversals",
        "            share.amount - back\n            for line",
        "            share.amount\n            for line",
    ),
    _of("payouts.py", _PAYING, "the minimum is exclusive", "available >= minimum else 0", "available > minimum else 0"),
    _of(
        "payouts.py", _PAYING, "odd units are paid", "pay = available // increment * increment if", "pay = available if"
    ),
    _of(
        "payouts.py",
        _PAYING,
        "a reserve is released twice",
        "    due = [line for line in lines if not line.released or line.returned]",
        "    due = list(lines)",
    ),
    _of(
        "payouts.py",
        _PAYING,
        "a guarantee takes money back",
        "top_up = max(0, guarantee - earned)",
        "top_up = guarantee - earned",
    ),
    _of(
        "payouts.py",
        _PAYING,
        "the pool's remainder vanishes",
        'Detail(REVENUE, currency, amount - shared, "", "")]',
        'Detail(REVENUE, currency, 0, "", "")]',
    ),
    _of(
        "corrections.py",
        (ROOM + "test_corrections.py", ROOM + "test_histories.py"),
        "a correction books everything again",
        "        details += opposite(_effect(order))\n",
        "",
    ),
    _of(
        "corrections.py",
        (ROOM + "test_corrections.py", ROOM + "test_histories.py"),
        "undone refunds count again",
        "again = _again(new, reversal) if reversal.live else reversal\n        if reversal.live:",
        "again = _again(new, reversal)\n        if True:",
    ),
    _of(
        "accounts.py",
        (ROOM + "test_rules.py",),
        "a rule may pay the bank",
        "return is_payable(account) or (account in FIXED and account not in MONEY_PLACES)",
        "return is_payable(account) or account in FIXED",
    ),
)
