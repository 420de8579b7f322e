"""What can be wrong with a rule or an event, as codes with a place, so that any language can word it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SENTENCES: dict[str, str] = {
    # Shape, for rules and events alike.
    "not_object": "must be an object with named fields",
    "not_list": "must be a list",
    "not_text": "must be a text that is not empty",
    "not_integer": "must be a whole number (found {found})",
    "not_instant": "must be an instant with its UTC offset, such as 2026-03-01T12:00:00Z (found {found})",
    "missing": "is missing",
    "unknown_key": "is not a field that is known here",
    "not_scalar": "must be a text, a whole number, true, false or null (found {found})",
    "too_small": "must be at least {least} (found {found})",
    "too_large": "must be at most {most} (found {found})",
    "not_one_of": "must be one of {allowed} (found {found})",
    "unknown_account": "names no account that exists (found {found})",
    "not_a_party": "must name a party: no colon, no white space (found {found})",
    # Rules.
    "account_not_payable": "names an account that no rule may pay (found {found})",
    "unknown_step": "is not a step that exists (found {found})",
    "steps_and_variants": "has both steps and variants; give one of them",
    "no_steps": "has neither steps nor variants",
    "empty": "must not be empty",
    "split_not_last": "splits everything that is left, so nothing may follow it",
    "leaves_remainder": "can leave money that belongs to nobody: the last step must be a split",
    "weights_all_zero": "gives every party weight zero, so nobody can be paid",
    "channel_in_split": "cannot share by weight with whoever brought the buyer; use a percent step before the split",
    "tiers_out_of_order": "must be above the tier before it, {before} (found {found})",
    "tiers_not_open": "must have no upper end in the last tier, so that every volume has a rate",
    "tier_open_early": "has no upper end, so the tiers after it can never be reached",
    "variants_leave_gap": "does not match every sale; end with a variant whose condition is empty",
    "variant_unreachable": "can never be reached, because {earlier} matches every sale",
    # Events.
    "unknown_event": "is not an event that exists (found {found})",
    "unknown_currency": "is not an ISO 4217 currency with minor units (found {found})",
    "discounts_exceed_price": "take off {discounts}, more than the price of {price}",
    "tax_exceeds_price": "is {found} inside a price of {price}",
    "channel_twice": "and channels are both given; give one of them",
    "credits_exceed_all": "add up to {found} parts per million, more than {most}",
    "nothing_paid": "cannot be converted, because the customer pays nothing",
    "duplicate": "is used twice (found {found})",
    "conflict": "and {other} are both given; give one of them",
    "exceeds": "is {found}, more than the {most} it refers to",
    "before": "is before {other}",
}

REJECTIONS: dict[str, str] = {
    "no_rule": "no rule version was in force when the order was placed, or none of its variants is for this sale",
    "exceeds_refundable": "nothing, or more than what is left of the payment, was to be refunded",
    "dispute_open": "the order is in dispute",
    "already_reversed": "this refund has been reversed before",
    "already_released": "the order's reserve has been released before",
    "idempotency_conflict": "the same event id came before with another body",
    "unknown_order": "no such order is in the books",
    "unknown_line": "the order has no such line",
    "unknown_refund": "the order has no such refund",
    "duplicate_order": "an order with this name is in the books already",
    "no_open_dispute": "the order has no open dispute",
}

Scalar = str | int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a code from SENTENCES, the path to it such as `steps[2].bp`, and what to fill in."""

    code: str
    path: str
    params: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The problem as one plain English sentence, beginning with the place."""
        return f"{self.path or 'it'} {SENTENCES[self.code].format(**self.params)}"


class SplitsError(ValueError):
    """A rule or event that cannot be taken as it stands; `problems` says what and where, never empty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.problems = tuple(problems)

    @property
    def code(self) -> str:
        """The first problem's code."""
        return self.problems[0].code

    @property
    def path(self) -> str:
        """The first problem's place."""
        return self.problems[0].path


class RuleError(SplitsError):
    """A rule that cannot be applied."""


class EventError(SplitsError):
    """An event that lacks something or says something impossible. It changes nothing."""


class RejectedError(Exception):
    """An event that is well formed but not allowed now; `code` is one of REJECTIONS. It changes nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(REJECTIONS[code])
        self.code = code
