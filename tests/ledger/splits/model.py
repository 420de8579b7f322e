"""A second engine, written only to disagree with the first: the semantics as they read, one unit at a time.

Exact fractions and plain dictionaries, no code shared with the product. Single-line orders.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
HALF = Fraction(1, 2)


class Refused(Exception):
    """A rejected event."""


def half_up(value: Fraction) -> int:
    return (value + HALF).__floor__()


def deal(total: int, weights: list[int], already: list[int] | None = None) -> list[int]:
    """Deal units one at a time to whoever is furthest behind the exact quota."""
    had = already or [0] * len(weights)
    now = [0] * len(weights)
    for _ in range(total):
        behind = [
            (Fraction((total + sum(had)) * w, sum(weights)) - had[i] - now[i], -i) for i, w in enumerate(weights) if w
        ]
        now[-max(behind)[1]] += 1
    return now


def part(amount: int, bp: int) -> int:
    return half_up(Fraction(amount * bp, 10_000))


def scale(amount: int, meter: int, tiers: list[Row]) -> Fraction:
    """Lay an amount on a scale, unit by unit."""
    total = Fraction(0)
    for unit in range(meter, meter + amount):
        tier = next(t for t in tiers if t["upto"] is None or unit < t["upto"])
        total += Fraction(tier["bp"], 10_000)
    return total


class Model:
    """The books again, as a dictionary of balances and a dictionary of orders."""

    def __init__(self, rules: list[Row]) -> None:
        self.rules = rules
        self.balance: dict[tuple[str, str], int] = {}
        self.orders: dict[str, Row] = {}
        self.rate: dict[tuple[str, str], int] = {}

    def apply(self, event: Row) -> dict[tuple[str, str], int] | str:
        try:
            moved = getattr(self, event["type"])(event)
        except Refused as refused:
            return str(refused)
        net: dict[tuple[str, str], int] = {}
        for account, currency, amount in moved:
            net[account, currency] = net.get((account, currency), 0) + amount
        net = {key: amount for key, amount in net.items() if amount}
        for key, amount in net.items():
            self.balance[key] = self.balance.get(key, 0) + amount
        return net

    def sale(self, e: Row) -> list[tuple[str, str, int]]:
        at = datetime.fromisoformat(e["placed_at"])
        known = [r for r in self.rules if datetime.fromisoformat(r["effective_from"]) <= at]
        if not known:
            raise Refused("no_rule")
        rule = max(known, key=lambda r: datetime.fromisoformat(r["effective_from"]))
        currency = e.get("settlement", e)["currency"]
        opened = {p: -self.balance.get((f"{p}:advance", currency), 0) for (p, c) in self.rate if c == currency}
        order = self._settled(e, rule, currency, opened, {p: self.rate[p, currency] for p in opened})
        self.orders[e["order"]] = {
            **order,
            "event": e,
            "at": at,
            "opened": opened,
            "history": [],
            "dispute": None,
            "released": False,
        }
        return list(order["moved"])

    def _settled(self, e: Row, rule: Row, currency: str, opened: dict[str, int], rates: dict[str, int]) -> Row:
        off = e.get("discounts", [])
        named = [d for d in off if d["borne_by"] != "pool"]
        net = e["list_price"] - sum(d["amount"] for d in off)
        tax = e.get("tax", {"mode": "none"})
        t = 0
        if tax["mode"] == "exclusive":
            t = half_up(Fraction(net * tax["rate_bp"], 10_000))
        elif tax["mode"] == "inclusive":
            t = half_up(Fraction(net * tax["rate_bp"], 10_000 + tax["rate_bp"]))
        paid = net + t if tax["mode"] == "exclusive" else net
        settled, rate = paid, Fraction(1)
        if "settlement" in e:
            settled = e["settlement"]["amount"]
            rate = Fraction(settled, paid)
        t, borne = half_up(t * rate), [half_up(d["amount"] * rate) for d in named]
        fee = e.get("processor_fee", 0)
        lines = [("tax:payable", t)] if t else []
        lines += self._steps(e, rule, settled - t + sum(borne), fee)
        moved = [("processor:clearing", currency, fee - settled), ("platform:processor_fees", currency, -fee)]
        moved += [(d["borne_by"], currency, -x) for d, x in zip(named, borne, strict=True)]
        credited: dict[str, int] = {}
        left = dict(opened)
        for account, amount in lines:
            back = 0
            if left.get(account, 0) > 0:
                back = min(left[account], part(amount, rates[account]))
                left[account] -= back
                moved.append((f"{account}:advance", currency, back))
            moved.append((account, currency, amount - back))
            credited[account] = credited.get(account, 0) + amount - back
        return {
            "rule": rule, "currency": currency, "paid": paid, "settled": settled, "lines": lines, "moved": moved,
            "named": [d["borne_by"] for d in named], "borne": borne, "credits": credited, "rates": rates,
        }  # fmt: skip

    def _steps(self, e: Row, rule: Row, base: int, fee: int) -> list[tuple[str, int]]:
        steps = rule.get("steps") or next(
            v["steps"] for v in rule["variants"] if all(e.get(k) == x for k, x in v["when"].items())
        )
        left, lines = base, []
        owners = e.get("channels", [{"party": e["channel"], "ppm": 1_000_000}] if "channel" in e else [])
        room = {limit["party"]: limit["left"] for limit in e.get("limits", [])}
        for step in steps[:-1]:
            account = step.get("account", "platform:processor_fees")
            if step["take"] == "fixed":
                wanted = step["amount"]
            elif step["take"] == "percent":
                wanted = part(base if step.get("of") == "base" else left, step["bp"])
            elif step["take"] == "processor_fee":
                wanted = fee
            elif step["mode"] == "marginal":
                wanted = half_up(scale(left, e["meter_before"], step["tiers"]))
            else:
                tier = next(t for t in step["tiers"] if t["upto"] is None or e["meter_before"] < t["upto"])
                wanted = part(left, tier["bp"])
            taken = [(account, min(wanted, left))]
            if account == "channel":
                taken = self._brought(owners, min(wanted, left), room)
            lines += taken
            left -= sum(amount for _, amount in taken)
        for account, amount in self._shared(rule, steps[-1]["parties"], left):
            kept = part(amount, rule.get("reserve_bp", 0)) if account.startswith("party:") else 0
            lines += [(account, amount - kept), (f"{account}:reserve", kept)]
        barred = {f"party:{name}{end}" for name in e.get("refused", []) for end in ("", ":reserve")}
        lines = [("platform:revenue" if account in barred else account, amount) for account, amount in lines]
        return [(account, amount) for account, amount in lines if amount]

    def _brought(self, owners: list[Row], amount: int, room: dict[str, int]) -> list[tuple[str, int]]:
        """What each owned channel takes of a step; the rest was never taken. `room` shrinks by it."""
        if not owners:
            return []
        ppm = [owner["ppm"] for owner in owners]
        taken = []
        for owner, due in zip(owners, deal(amount, [*ppm, 1_000_000 - sum(ppm)]), strict=False):
            if owner["party"]:
                got = min(due, room.get(owner["party"], due))
                if owner["party"] in room:
                    room[owner["party"]] -= got
                taken.append((f"party:{owner['party']}", got))
        return taken

    def _shared(self, rule: Row, members: list[Row], amount: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for member, got in zip(members, deal(amount, [m["weight"] for m in members]), strict=True):
            kind, _, name = member["account"].partition(":")
            found += self._shared(rule, rule["groups"][name], got) if kind == "group" else [(member["account"], got)]
        return found

    def _so_far(self, order: Row, history: list[Row]) -> tuple[int, int, list[int], list[int]]:
        live = [h for h in history if h["live"]]
        return (
            sum(h["r"] for h in live),
            sum(h["o"] for h in live),
            [sum(h["lines"][i] for h in live) for i in range(len(order["lines"]))],
            [sum(h["given"][i] for h in live) for i in range(len(order["borne"]))],
        )

    def _charged(self, order: Row, account: str, *, released: bool) -> str:
        policy, owner = order["rule"].get("refund_policy", {}), str(order["rule"]["owner"])
        if account == "platform:revenue" and policy.get("platform_revenue") == "owner":
            return owner
        if account == "platform:processor_fees" and policy.get("processor_fee") == "owner":
            return owner
        return account.removesuffix(":reserve") if released else account

    def _moves(self, order: Row, h: Row) -> list[tuple[str, str, int]]:
        c = order["currency"]
        charged = [self._charged(order, account, released=h["released"]) for account, _ in order["lines"]]
        moved = [(account, c, -x) for account, x in zip(charged, h["lines"], strict=True)]
        moved += [(bearer, c, x) for bearer, x in zip(order["named"], h["given"], strict=True)]
        moved += [("processor:clearing", c, h["s"] + h["fee"]), ("platform:fx", c, h["o"] - h["s"])]
        return [*moved, ("platform:dispute_fees", c, -h["fee"])]

    def _take_back(
        self, order: Row, r: int, s: int | None, *, fee: int = 0, excess: int = 0, dispute: bool = False
    ) -> Row:
        done, o_done, lines_done, given_done = self._so_far(order, order["history"])
        paid, borne = order["paid"], sum(order["borne"])

        def due(whole: int, taken: int) -> int:
            if done + r == paid and (r or (not paid and not dispute)):
                return whole - taken
            step = half_up(Fraction(whole * (done + r), paid)) - half_up(Fraction(whole * done, paid)) if r else 0
            return min(whole - taken, step)

        o, d = due(order["settled"], o_done), due(borne, sum(given_done))
        h = {
            "r": r, "o": o, "given": deal(d, order["borne"], given_done), "live": True, "dispute": dispute, "fee": fee,
            "lines": deal(o + d, [amount for _, amount in order["lines"]], lines_done),
            "s": o + excess if s is None else s, "released": order["released"],
        }  # fmt: skip
        order["history"].append(h)
        return h

    def _order(self, e: Row) -> Row:
        if e["order"] not in self.orders:
            raise Refused("unknown_order")
        return self.orders[e["order"]]

    def refund(self, e: Row) -> list[tuple[str, str, int]]:
        order = self._order(e)
        if order["dispute"]:
            raise Refused("dispute_open")
        left = order["paid"] - self._so_far(order, order["history"])[0]
        if not 0 < e["amount"] <= left:
            raise Refused("exceeds_refundable")
        return self._moves(order, self._take_back(order, e["amount"], e.get("settlement_amount")))

    def void(self, e: Row) -> list[tuple[str, str, int]]:
        order = self._order(e)
        if order["dispute"]:
            raise Refused("dispute_open")
        left = order["paid"] - self._so_far(order, order["history"])[0]
        voided = any(h["live"] and not h["dispute"] for h in order["history"])
        if not left and (order["paid"] or voided):
            raise Refused("exceeds_refundable")
        return self._moves(order, self._take_back(order, left, None))

    def refund_reversal(self, e: Row) -> list[tuple[str, str, int]]:
        order = self._order(e)
        refunds = [h for h in order["history"] if not h["dispute"]]
        if e["refund_index"] >= len(refunds):
            raise Refused("unknown_refund")
        h = refunds[e["refund_index"]]
        if not h["live"]:
            raise Refused("already_reversed")
        h["live"] = False
        return [(account, c, -x) for account, c, x in self._moves(order, h)]

    def dispute_opened(self, e: Row) -> list[tuple[str, str, int]]:
        order = self._order(e)
        if order["dispute"]:
            raise Refused("dispute_open")
        left = order["paid"] - self._so_far(order, order["history"])[0]
        excess = max(0, e["amount"] - left)
        order["dispute"] = self._take_back(
            order, min(e["amount"], left), e.get("settlement_amount"), fee=e["fee"], excess=excess, dispute=True
        )
        return self._moves(order, order["dispute"])

    def dispute_won(self, e: Row) -> list[tuple[str, str, int]]:
        order = self._order(e)
        h = order["dispute"]
        if not h:
            raise Refused("no_open_dispute")
        order["dispute"], h["live"] = None, False
        kept, c = h["fee"] - e["fee_returned"], order["currency"]
        moved = [(account, c, -x) for account, c, x in self._moves(order, h)]
        return [*moved, ("processor:clearing", c, kept), ("platform:dispute_fees", c, -kept)]

    def dispute_lost(self, e: Row) -> list[tuple[str, str, int]]:
        order = self._order(e)
        if not order["dispute"]:
            raise Refused("no_open_dispute")
        order["dispute"] = None
        return []

    def advance(self, e: Row) -> list[tuple[str, str, int]]:
        party = f"party:{e['party']}"
        self.rate[party, e["currency"]] = e["recoup_bp"]
        return [("bank:operating", e["currency"], e["amount"]), (f"{party}:advance", e["currency"], -e["amount"])]

    def release_reserve(self, e: Row) -> list[tuple[str, str, int]]:
        order = self._order(e)
        if order["released"]:
            raise Refused("already_released")
        order["released"] = True
        back = self._so_far(order, order["history"])[2]
        moved = []
        for (account, amount), x in zip(order["lines"], back, strict=True):
            if account.endswith(":reserve"):
                moved += [(account, order["currency"], x - amount)]
                moved += [(account.removesuffix(":reserve"), order["currency"], amount - x)]
        return moved

    def period_close(self, e: Row) -> list[tuple[str, str, int]]:
        party, earned = f"party:{e['party']}", 0
        start, end = datetime.fromisoformat(e["from"]), datetime.fromisoformat(e["to"])
        for order in self.orders.values():
            if order["currency"] == e["currency"] and start <= order["at"] < end:
                back = self._so_far(order, order["history"])[2]
                for (account, amount), x in zip(order["lines"], back, strict=True):
                    earned += amount - x if account in (party, f"{party}:reserve") else 0
        up = max(0, e["guarantee"] - earned)
        return [("platform:guarantees", e["currency"], -up), (party, e["currency"], up)]

    def pool(self, e: Row) -> list[tuple[str, str, int]]:
        weights = [w["weight"] for w in e["weights"]]
        shared = part(e["amount"], e["creator_bp"]) if sum(weights) else 0
        moved = [(w["account"], e["currency"], x) for w, x in zip(e["weights"], deal(shared, weights), strict=True)]
        moved.append(("platform:revenue", e["currency"], e["amount"] - shared))
        return [*moved, ("subscription:deferred", e["currency"], -e["amount"])]

    def payout_run(self, e: Row) -> list[tuple[str, str, int]]:
        party, at, c = f"party:{e['party']}", datetime.fromisoformat(e["at"]), e["currency"]
        available = self.balance.get((party, c), 0)
        for order in self.orders.values():
            if order["currency"] == c and order["at"] + timedelta(days=order["rule"].get("hold_days", 0)) > at:
                available -= order["credits"].get(party, 0)
        if available <= 0 or available < e["minimum"]:
            return []
        pay = available - available % e["increment"]
        kept = part(pay, e["withholding_bp"])
        moved = [(party, c, -pay), ("tax:withholding", c, kept)]
        if "fx" not in e or not pay:
            return [*moved, ("payouts:in_transit", c, pay - kept)]
        to, amount = e["fx"]["currency"], e["fx"]["amount"]
        return [
            *moved,
            ("fx:position", c, pay - kept),
            ("fx:position", to, -amount),
            ("payouts:in_transit", to, amount),
        ]

    def correct_rule(self, e: Row) -> list[tuple[str, str, int]]:
        [order_id] = e["orders"]
        order = self._order({"order": order_id})
        c = order["currency"]
        limits = {}
        for party, then in order["opened"].items():
            mine = sum(x for account, _, x in order["moved"] if account == f"{party}:advance")
            limits[party] = min(then, max(0, mine - self.balance.get((f"{party}:advance", c), 0)))
        new = {
            **order,
            **self._settled(order["event"], e["rule"], c, limits, order["rates"]),
            "opened": limits,
            "history": [],
        }
        for h in order["history"]:
            again = dict(h)
            if h["live"]:
                done = self._so_far(new, new["history"])[2]
                again["lines"] = deal(h["o"] + sum(h["given"]), [amount for _, amount in new["lines"]], done)
            else:
                again["lines"] = [0] * len(new["lines"])
            new["history"].append(again)
            if h is order["dispute"]:
                new["dispute"] = again
        self.orders[order_id] = new
        return [(a, c, -x) for a, c, x in self._whole(order)] + self._whole(new)

    def _whole(self, order: Row) -> list[tuple[str, str, int]]:
        moved = list(order["moved"])
        for h in order["history"]:
            moved += self._moves(order, h) if h["live"] else []
        return [(a.removesuffix(":reserve") if order["released"] else a, c, x) for a, c, x in moved]
