"""What the books know: balances, orders with their shares, and what has been reversed of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ledger.splits.accounts import PROCESSOR_FEES, REVENUE, advance, is_payable, payable, reserve
from ledger.splits.problems import RejectedError
from ledger.splits.rule import Rule
from ledger.splits.sale import Advance, Detail, LineResult, Posting, SaleResult, net


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an event: its net postings, or the code of its rejection; every movement; and the steps.

    `repeated` marks an event whose id came before with the same body: it has no effect.
    """

    postings: tuple[Posting, ...] = ()
    rejected: str = ""
    details: tuple[Detail, ...] = ()
    trace: Mapping[str, Any] = field(default_factory=dict)
    repeated: bool = False


class LineReversal(NamedTuple):
    """What one reversal took back of one order line.

    `amount` of what the customer paid; `gross` of what was settled; `shares` per share; `given_back` per discount
    that others bear. `released`: the reserve had been released by then. `void`: nothing of a free line is left.
    """

    line: int
    amount: int
    gross: int
    shares: tuple[int, ...]
    given_back: tuple[int, ...]
    released: bool
    void: bool


@dataclass(slots=True)
class Reversal:
    """A refund, void or dispute as booked: `settled` left the processor besides `fee`. Not `live` once undone."""

    parts: tuple[LineReversal, ...]
    settled: int
    fee: int
    details: tuple[Detail, ...]
    is_dispute: bool = False
    live: bool = True


@dataclass(slots=True)
class LineState:
    """One order line and how much of it has been reversed, in sum and per share and borne discount.

    `returned`: what came back to a reserve after its release, per account, because a reversal from before was undone.
    """

    result: LineResult
    refunded: int = 0
    gross: int = 0
    reversed: list[int] = field(default_factory=list)
    given_back: list[int] = field(default_factory=list)
    voided: bool = False
    released: bool = False
    returned: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reversed = [0] * len(self.result.shares)
        self.given_back = [0] * len(self.result.facts.borne)

    @property
    def left(self) -> int:
        """What the customer paid and has not got back."""
        return self.result.facts.payable - self.refunded

    @property
    def can_void(self) -> bool:
        """Tell whether something is left; a line that cost nothing can be voided once."""
        return self.left > 0 or (not self.result.facts.payable and not self.voided)

    @property
    def reserved(self) -> dict[str, int]:
        """What is left in reserve, per reserve account; after the release only what came back since."""
        if self.released:
            return self.returned
        found: dict[str, int] = {}
        for share, back in zip(self.result.shares, self.reversed, strict=True):
            if is_reserve(share.account):
                found[share.account] = found.get(share.account, 0) + share.amount - back
        return found

    def charged(self, account: str, *, released: bool) -> str:
        """Return who is charged when a share of `account` is reversed: refund policy and release of reserves decide."""
        rule = self.result.rule
        if (rule.owner_bears_revenue and account == REVENUE) or (rule.owner_bears_fee and account == PROCESSOR_FEES):
            return rule.owner
        return owner_of(account) if released and is_reserve(account) else account

    def apply(self, part: LineReversal, sign: int = 1) -> None:
        """Count a reversal (sign 1), or take it back out of the history (sign -1)."""
        self.refunded += sign * part.amount
        self.gross += sign * part.gross
        self.reversed = [a + sign * b for a, b in zip(self.reversed, part.shares, strict=True)]
        self.given_back = [a + sign * b for a, b in zip(self.given_back, part.given_back, strict=True)]
        if part.void:
            self.voided = sign > 0
        if sign < 0 and self.released and not part.released:
            for share, amount in zip(self.result.shares, part.shares, strict=True):
                if is_reserve(share.account) and amount:
                    self.returned[share.account] = self.returned.get(share.account, 0) + amount


@dataclass(slots=True)
class Order:
    """An order in the books, with its reversals in the order of booking and the dispute that is open, if one is."""

    id: str
    placed_at: datetime
    sale: SaleResult
    lines: list[LineState]
    reversals: list[Reversal] = field(default_factory=list)
    dispute: Reversal | None = None

    @property
    def currency(self) -> str:
        """The currency of the order's postings."""
        return self.sale.sale.settled_currency

    @property
    def refunds(self) -> list[Reversal]:
        """The accepted refunds and voids, undone ones included: what `refund_index` counts."""
        return [reversal for reversal in self.reversals if not reversal.is_dispute]

    def count(self, reversal: Reversal) -> None:
        """Take a new reversal into the order's history."""
        self.reversals.append(reversal)
        for part in reversal.parts:
            self.lines[part.line].apply(part)

    def undo(self, reversal: Reversal) -> None:
        """Take a reversal out of the history again."""
        reversal.live = False
        for part in reversal.parts:
            self.lines[part.line].apply(part, -1)

    def line_indices(self, line_id: str) -> Sequence[int]:
        """Return the lines that an event is about: the named one, or all."""
        if not line_id:
            return range(len(self.lines))
        found = [i for i, line in enumerate(self.lines) if line.result.facts.id == line_id]
        if not found:
            raise RejectedError("unknown_line")
        return found

    def held(self, account: str, at: datetime) -> int:
        """Return what the sale credited to a payable that may not be paid out at `at` yet."""
        return sum(
            line.result.credits(account)
            for line in self.lines
            if at - self.placed_at < timedelta(days=line.result.rule.hold_days)
        )

    def earned(self, account: str) -> int:
        """Return what a party keeps of the order: payable and reserve shares, less reversals."""
        return sum(
            share.amount - back
            for line in self.lines
            for share, back in zip(line.result.shares, line.reversed, strict=True)
            if share.account in (account, reserve(account))
        )


@dataclass(slots=True)
class State:
    """The books: balances per (account, currency), orders, open advances' rates, and the rule versions."""

    rules: Sequence[Rule]
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    recoup_bp: dict[tuple[str, str], int] = field(default_factory=dict)

    def order(self, order_id: str) -> Order:
        """Return an order that is in the books."""
        try:
            return self.orders[order_id]
        except KeyError:
            raise RejectedError("unknown_order") from None

    def balance(self, account: str, currency: str) -> int:
        """Return an account's balance: positive is owed to it."""
        return self.balances.get((account, currency), 0)

    def book(self, details: Iterable[Detail], trace: Mapping[str, Any]) -> Result:
        """Add movements to the balances and return what came of the event."""
        kept = tuple(detail for detail in details if detail.amount)
        postings = net(kept)
        for account, currency, amount in postings:
            self.balances[account, currency] = self.balance(account, currency) + amount
        return Result(postings=postings, details=kept, trace=trace)

    def open_advances(self, currency: str) -> dict[str, Advance]:
        """Return the open advances in `currency`, by payable account."""
        found = {}
        for (account, of), bp in self.recoup_bp.items():
            outstanding = -self.balance(advance(account), currency)
            if of == currency and outstanding > 0:
                found[account] = Advance(outstanding, bp)
        return found


def is_reserve(account: str) -> bool:
    """Tell whether `account` is a party's reserve."""
    return account.endswith(":reserve") and is_payable(owner_of(account))


def owner_of(account: str) -> str:
    """Return the payable that a reserve account belongs to."""
    return payable(account.split(":")[1])
