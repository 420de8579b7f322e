"""A second engine, written only to disagree with the first: the semantics as they read, one unit at a time.

Exact fractions and plain dictionaries, no code shared with the product. Sales stand in `model_sales.py`.
"""

import json
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.ledger.splits.model_sales import Row, deal, half_up, part, priced, shared_out

Moves = list[tuple[str, str, int]]


class Refused(Exception):
    """A rejected event."""


class Model:
    """The books again, as a dictionary of balances and a dictionary of orders."""

    def __init__(self, rules: list[Row]) -> None:
        self.rules = rules
        self.balance: dict[tuple[str, str], int] = {}
        self.orders: dict[str, Row] = {}
        self.rate: dict[tuple[str, str], int] = {}
        self.seen: dict[str, str] = {}

    def apply(self, event: Row) -> dict[tuple[str, str], int] | str:
        name, body = event.get("event_id"), json.dumps(event, sort_keys=True)
        if name in self.seen:
            return {} if self.seen[name] == body else "idempotency_conflict"
        try:
            moved: Moves = getattr(self, event["type"])(event)
        except Refused as refused:
            return str(refused)
        if name:
            self.seen[name] = body
        net: dict[tuple[str, str], int] = {}
        for account, currency, amount in moved:
            net[account, currency] = net.get((account, currency), 0) + amount
        net = {key: amount for key, amount in net.items() if amount}
        for key, amount in net.items():
            self.balance[key] = self.balance.get(key, 0) + amount
        return net

    def sale(self, e: Row) -> Moves:
        if e["order"] in self.orders:
            raise Refused("duplicate_order")
        at, lines = datetime.fromisoformat(e["placed_at"]), priced(e)
        rules = [self._in_force(at, line["raw"].get("rule")) for line in lines]
        currency = e.get("settlement", e)["currency"]
        opened = {p: -self.balance.get((f"{p}:advance", currency), 0) for (p, c) in self.rate if c == currency}
        order = {
            "event": e, "at": at, "currency": currency, "history": [], "dispute": None, "opened": opened,
            "rates": {p: self.rate[p, currency] for p in opened}, "released": set(), "came_back": [],
        }  # fmt: skip
        self.orders[e["order"]] = {**order, **self._shared(order, lines, rules, opened)}
        return self._whole(self.orders[e["order"]])

    def _in_force(self, at: datetime, name: str | None) -> Row:
        known = [r for r in self.rules if datetime.fromisoformat(r["effective_from"]) <= at and name in (None, r["id"])]
        if not known:
            raise Refused("no_rule")
        return max(known, key=lambda r: (datetime.fromisoformat(r["effective_from"]), r["version"]))

    def _shared(self, order: Row, lines: list[Row], rules: list[Row], opened: dict[str, int]) -> Row:
        """Share every line out under its rule; of an open advance, each share of its party pays back some."""
        c, left, found = order["currency"], dict(opened), []
        for line, rule in zip(lines, rules, strict=True):
            shares = shared_out(line, rule, order["event"])
            moved = [("processor:clearing", c, line["fee"] - line["settled"])]
            moved += [("platform:processor_fees", c, -line["fee"])]
            moved += [(bearer, c, -x) for bearer, x in zip(line["named"], line["borne"], strict=True)]
            credited: dict[str, int] = {}
            for account, amount in shares:
                back = 0
                if left.get(account, 0) > 0:
                    back = min(left[account], part(amount, order["rates"][account]))
                    left[account] -= back
                    moved.append((f"{account}:advance", c, back))
                moved.append((account, c, amount - back))
                credited[account] = credited.get(account, 0) + amount - back
            found.append({**line, "rule": rule, "shares": shares, "credits": credited, "moved": moved})
        return {"lines": found, "opened": opened}

    def _order(self, e: Row) -> Row:
        if e["order"] not in self.orders:
            raise Refused("unknown_order")
        return self.orders[e["order"]]

    def _meant(self, order: Row, e: Row) -> list[int]:
        """The lines that an event is about: the one it names, or all."""
        meant = [i for i, line in enumerate(order["lines"]) if e.get("line", "") in ("", line["id"])]
        if not meant:
            raise Refused("unknown_line")
        return meant

    def _so_far(self, order: Row, i: int) -> Row:
        """What was taken back of a line by everything that still counts."""
        line, live = order["lines"][i], [h["parts"][i] for h in order["history"] if h["live"] and i in h["parts"]]
        return {
            "r": sum(p["r"] for p in live),
            "o": sum(p["o"] for p in live),
            "shares": [sum(p["shares"][k] for p in live) for k in range(len(line["shares"]))],
            "given": [sum(p["given"][k] for p in live) for k in range(len(line["borne"]))],
            "void": any(p["void"] for p in live),
        }

    def _left(self, order: Row, i: int) -> int:
        return int(order["lines"][i]["paid"] - self._so_far(order, i)["r"])

    def _take_back(self, order: Row, amounts: dict[int, int], **more: Any) -> Row:
        """Take back so much of each line; `s` left the processor, or what the lines come to and `excess`."""
        voids = more.pop("voids", ())
        parts = {i: self._of_line(order, i, r, void=i in voids) for i, r in amounts.items()}
        o = sum(p["o"] for p in parts.values())
        s, excess = more.pop("s", None), more.pop("excess", 0)
        told = {"fee": 0, "dispute": False, **more}
        h = {**told, "parts": parts, "live": True, "o": o, "s": o + excess if s is None else s}
        order["history"].append(h)
        return h

    def _of_line(self, order: Row, i: int, r: int, *, void: bool) -> Row:
        line, done = order["lines"][i], self._so_far(order, i)

        def due(whole: int, taken: int) -> int:
            if void or (r and done["r"] + r == line["paid"]):
                return whole - taken
            if not r:
                return 0
            ends = [half_up(Fraction(whole * upto, line["paid"])) for upto in (done["r"] + r, done["r"])]
            return min(whole - taken, ends[0] - ends[1])

        o, d = due(line["settled"], done["o"]), due(sum(line["borne"]), sum(done["given"]))
        return {
            "r": r, "o": o, "given": deal(d, line["borne"], done["given"]), "void": void,
            "shares": deal(o + d, [x for _, x in line["shares"]], done["shares"]), "released": i in order["released"],
        }  # fmt: skip

    def _moves(self, order: Row, h: Row) -> Moves:
        c, moved = order["currency"], []
        for i, p in h["parts"].items():
            line = order["lines"][i]
            for (account, _), x in zip(line["shares"], p["shares"], strict=True):
                moved.append((self._charged(line["rule"], account, released=p["released"]), c, -x))
            moved += [(bearer, c, x) for bearer, x in zip(line["named"], p["given"], strict=True)]
        moved += [("processor:clearing", c, h["s"] + h["fee"]), ("platform:fx", c, h["o"] - h["s"])]
        return [*moved, ("platform:dispute_fees", c, -h["fee"])]

    def _charged(self, rule: Row, account: str, *, released: bool) -> str:
        policy, owner = rule.get("refund_policy", {}), str(rule["owner"])
        if account == "platform:revenue" and policy.get("platform_revenue") == "owner":
            return owner
        if account == "platform:processor_fees" and policy.get("processor_fee") == "owner":
            return owner
        return account.removesuffix(":reserve") if released else account

    def _dealt(self, order: Row, meant: list[int], amount: int) -> dict[int, int]:
        paid = [order["lines"][i]["paid"] for i in meant]
        return dict(zip(meant, deal(amount, paid, [self._so_far(order, i)["r"] for i in meant]), strict=True))

    def refund(self, e: Row) -> Moves:
        order = self._order(e)
        meant = self._meant(order, e)
        if order["dispute"]:
            raise Refused("dispute_open")
        if not 0 < e["amount"] <= sum(self._left(order, i) for i in meant):
            raise Refused("exceeds_refundable")
        amounts = self._dealt(order, meant, e["amount"])
        return self._moves(order, self._take_back(order, amounts, s=e.get("settlement_amount")))

    def void(self, e: Row) -> Moves:
        order = self._order(e)
        meant = self._meant(order, e)
        if order["dispute"]:
            raise Refused("dispute_open")
        lines = order["lines"]
        voids = [i for i in meant if self._left(order, i) or not (lines[i]["paid"] or self._so_far(order, i)["void"])]
        if not voids:
            raise Refused("exceeds_refundable")
        return self._moves(order, self._take_back(order, {i: self._left(order, i) for i in meant}, voids=voids))

    def refund_reversal(self, e: Row) -> Moves:
        order = self._order(e)
        refunds = [h for h in order["history"] if not h["dispute"]]
        if e["refund_index"] >= len(refunds):
            raise Refused("unknown_refund")
        h = refunds[e["refund_index"]]
        if not h["live"]:
            raise Refused("already_reversed")
        return self._undone(order, h)

    def _undone(self, order: Row, h: Row) -> Moves:
        """The exact opposite; what it puts into a reserve that was released meanwhile waits for another release."""
        h["live"] = False
        for i, p in h["parts"].items():
            if i in order["released"] and not p["released"]:
                shares = zip(order["lines"][i]["shares"], p["shares"], strict=True)
                order["came_back"] += [(i, a, x) for (a, _), x in shares if x and a.endswith(":reserve")]
        return [(account, c, -x) for account, c, x in self._moves(order, h)]

    def dispute_opened(self, e: Row) -> Moves:
        order = self._order(e)
        meant = self._meant(order, e)
        if order["dispute"]:
            raise Refused("dispute_open")
        amount = min(e["amount"], sum(self._left(order, i) for i in meant))
        excess, lines = e["amount"] - amount, [order["lines"][i] for i in meant]
        if excess and "settlement" in order["event"] and "settlement_amount" not in e:
            excess = half_up(Fraction(excess * sum(x["settled"] for x in lines), sum(x["paid"] for x in lines)))
        more = {"s": e.get("settlement_amount"), "fee": e["fee"], "excess": excess, "dispute": True}
        order["dispute"] = self._take_back(order, self._dealt(order, meant, amount), **more)
        return self._moves(order, order["dispute"])

    def dispute_won(self, e: Row) -> Moves:
        order = self._order(e)
        h = order["dispute"]
        if not h:
            raise Refused("no_open_dispute")
        order["dispute"] = None
        kept, c = h["fee"] - e["fee_returned"], order["currency"]
        moved = self._undone(order, h)
        return [*moved, ("processor:clearing", c, kept), ("platform:dispute_fees", c, -kept)]

    def dispute_lost(self, e: Row) -> Moves:
        order = self._order(e)
        if not order["dispute"]:
            raise Refused("no_open_dispute")
        order["dispute"] = None
        return []

    def advance(self, e: Row) -> Moves:
        party = f"party:{e['party']}"
        self.rate[party, e["currency"]] = e["recoup_bp"]
        return [("bank:operating", e["currency"], e["amount"]), (f"{party}:advance", e["currency"], -e["amount"])]

    def release_reserve(self, e: Row) -> Moves:
        order = self._order(e)
        meant, moved, c = self._meant(order, e), [], order["currency"]
        due, again = [i for i in meant if i not in order["released"]], [b for b in order["came_back"] if b[0] in meant]
        if not due and not again:
            raise Refused("already_released")
        order["came_back"] = [b for b in order["came_back"] if b not in again]
        for _, account, x in again:
            moved += [(account, c, -x), (account.removesuffix(":reserve"), c, x)]
        for i in due:
            order["released"].add(i)
            back = self._so_far(order, i)["shares"]
            for (account, amount), x in zip(order["lines"][i]["shares"], back, strict=True):
                if account.endswith(":reserve"):
                    moved += [(account, c, x - amount), (account.removesuffix(":reserve"), c, amount - x)]
        return moved

    def period_close(self, e: Row) -> Moves:
        party, earned = f"party:{e['party']}", 0
        start, end = datetime.fromisoformat(e["from"]), datetime.fromisoformat(e["to"])
        for order in self.orders.values():
            if order["currency"] == e["currency"] and start <= order["at"] < end:
                for i, line in enumerate(order["lines"]):
                    for (account, amount), x in zip(line["shares"], self._so_far(order, i)["shares"], strict=True):
                        earned += amount - x if account in (party, f"{party}:reserve") else 0
        up = max(0, e["guarantee"] - earned)
        return [("platform:guarantees", e["currency"], -up), (party, e["currency"], up)]

    def pool(self, e: Row) -> Moves:
        weights = [w["weight"] for w in e["weights"]]
        shared = part(e["amount"], e["creator_bp"]) if sum(weights) else 0
        moved = [(w["account"], e["currency"], x) for w, x in zip(e["weights"], deal(shared, weights), strict=True)]
        moved.append(("platform:revenue", e["currency"], e["amount"] - shared))
        return [*moved, ("subscription:deferred", e["currency"], -e["amount"])]

    def payout_run(self, e: Row) -> Moves:
        party, at, c = f"party:{e['party']}", datetime.fromisoformat(e["at"]), e["currency"]
        available = self.balance.get((party, c), 0)
        for order in self.orders.values():
            for line in order["lines"]:
                if order["currency"] == c and order["at"] + timedelta(days=line["rule"].get("hold_days", 0)) > at:
                    available -= line["credits"].get(party, 0)
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

    def correct_rule(self, e: Row) -> Moves:
        moved: Moves = []
        corrected = {}
        for order_id, order in [(name, self._order({"order": name})) for name in e["orders"]]:
            new = self._corrected(order, e, moved)
            corrected[order_id] = new
            moved += [(a, c, -x) for a, c, x in self._whole(order)] + self._whole(new)
        self.orders |= corrected
        return moved

    def _corrected(self, order: Row, e: Row, moved: Moves) -> Row:
        """The order as it would stand under another rule, with what it may recoup of advances now."""
        meant, opened = self._meant(order, e), {}
        for party, then in order["opened"].items():
            account = f"{party}:advance"
            mine = sum(x for line in order["lines"] for a, _, x in line["moved"] if a == account)
            pending = sum(x for a, c, x in moved if (a, c) == (account, order["currency"]))
            now = self.balance.get((account, order["currency"]), 0) + pending
            opened[party] = min(then, max(0, mine - now))
        rules = [e["rule"] if i in meant else line["rule"] for i, line in enumerate(order["lines"])]
        new = {**order, **self._shared(order, order["lines"], rules, opened), "history": []}
        new["released"] = set(order["released"])
        for h in order["history"]:
            again = {**h, "parts": {i: self._again(new, i, p, live=h["live"]) for i, p in h["parts"].items()}}
            new["history"].append(again)
            if h is order["dispute"]:
                new["dispute"] = again
        return new

    def _again(self, new: Row, i: int, p: Row, *, live: bool) -> Row:
        weights = [x for _, x in new["lines"][i]["shares"]]
        if not live:
            return {**p, "shares": [0] * len(weights)}
        return {**p, "shares": deal(p["o"] + sum(p["given"]), weights, self._so_far(new, i)["shares"])}

    def _whole(self, order: Row) -> Moves:
        """What an order came to so far; a released reserve counts as its party's payable."""
        found: Moves = []
        for i, line in enumerate(order["lines"]):
            end = ":reserve" if i in order["released"] else ""
            found += [(account.removesuffix(end), c, x) for account, c, x in line["moved"]]
        for h in order["history"]:
            if h["live"]:
                parts = {i: {**p, "released": i in order["released"]} for i, p in h["parts"].items()}
                found += self._moves(order, {**h, "parts": parts})
        return found
