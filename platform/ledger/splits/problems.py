"""What can be wrong with a rule or an event, as codes with a place, so that any language can word it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


def gettext_noop(text: str) -> str:
    """Mark a sentence for the catalogues; this room knows no framework, so whoever shows it translates it."""
    return text


SENTENCES: dict[str, str] = {
    # Shape, for rules and events alike.
    "not_object": gettext_noop("{place} must be an object with named fields"),
    "not_list": gettext_noop("{place} must be a list"),
    "not_text": gettext_noop("{place} must be a text that is not empty"),
    "not_integer": gettext_noop("{place} must be a whole number (found {found})"),
    "not_instant": gettext_noop(
        "{place} must be an instant with its UTC offset, such as 2026-03-01T12:00:00Z (found {found})"
    ),
    "not_scalar": gettext_noop("{place} must be a text, a whole number, true, false or null (found {found})"),
    "missing": gettext_noop("{place} is missing"),
    "unknown_key": gettext_noop("{place} is not a field that is known here"),
    "too_small": gettext_noop("{place} must be at least {least} (found {found})"),
    "too_large": gettext_noop("{place} must be at most {most} (found {found})"),
    "not_one_of": gettext_noop("{place} must be one of {allowed} (found {found})"),
    "unknown_account": gettext_noop("{place} names no account that exists (found {found})"),
    "not_a_party": gettext_noop("{place} must name a party, without colon and white space (found {found})"),
    "duplicate": gettext_noop("{place} is used twice (found {found})"),
    "empty": gettext_noop("{place} must not be empty"),
    # Rules.
    "account_not_payable": gettext_noop("{place} names an account that no rule may pay (found {found})"),
    "unknown_step": gettext_noop("{place} is not a step that exists (found {found})"),
    "steps_and_variants": gettext_noop("{place} and variants are both given; give one of them"),
    "no_steps": gettext_noop("{place} and variants are both missing; give one of them"),
    "split_not_last": gettext_noop("{place} splits everything that is left, so nothing may follow it"),
    "leaves_remainder": gettext_noop("{place} can leave money that belongs to nobody: the last step must be a split"),
    "weights_all_zero": gettext_noop("{place} gives every party weight zero, so nobody can be paid"),
    "channel_in_split": gettext_noop(
        "{place} cannot be whoever brought the buyer; use a percent step before the split"
    ),
    "not_a_group": gettext_noop("{place} cannot name a group: no colon, point, bracket or white space (found {found})"),
    "unknown_group": gettext_noop("{place} names no group of this rule (found {found})"),
    "cyclic_group": gettext_noop("{place} makes the group {found} a member of itself ({chain}), so nobody can be paid"),
    "group_outside_split": gettext_noop("{place} cannot be a group; only a split and its groups share among groups"),
    "unused_group": gettext_noop("{place} shares in no split, so its members would sign for nothing"),
    "too_many": gettext_noop("{place} must have at most {most} entries (found {found})"),
    "too_many_parties": gettext_noop("{place} shares among {found} parties in all, more than {most}"),
    "percents_exceed_all": gettext_noop("{place} takes the percentages of the whole base to {found} bp, above {most}"),
    "said_otherwise": gettext_noop("{place} is {found} in the rule, but the version says {said}; say it in one place"),
    "fee_twice": gettext_noop("{place} takes the processor's fee a second time"),
    "too_long": gettext_noop("{place} is longer than {most} letters (found {found})"),
    "tiers_out_of_order": gettext_noop("{place} must be above the tier before it, {before} (found {found})"),
    "tiers_not_open": gettext_noop("{place} must be left open in the last tier, so that every volume has a rate"),
    "tier_open_early": gettext_noop("{place} has no upper end, so the tiers after it can never be reached"),
    "variants_leave_gap": gettext_noop("{place} do not match every sale; end with a variant whose condition is empty"),
    "variant_unreachable": gettext_noop("{place} can never be reached, because {earlier} matches every sale"),
    "variant_shadowed": gettext_noop("{place} can never be reached, because {earlier} matches all of its sales before"),
    # Events.
    "unknown_event": gettext_noop("{place} is not an event that exists (found {found})"),
    "unknown_currency": gettext_noop("{place} is not an ISO 4217 currency with minor units (found {found})"),
    "discounts_exceed_price": gettext_noop("{place} take off {discounts}, more than the price of {price}"),
    "tax_exceeds_price": gettext_noop("{place} is {found} inside a price of {price}"),
    "credits_exceed_all": gettext_noop("{place} add up to {found} parts per million, more than {most}"),
    "nothing_paid": gettext_noop("{place} cannot be converted, because the customer pays nothing"),
    "conflict": gettext_noop("{place} and {other} are both given; give one of them"),
    "exceeds": gettext_noop("{place} is {found}, more than the {most} it refers to"),
    "before": gettext_noop("{place} is before {other}"),
}

WHOLE = gettext_noop("the whole")

REJECTIONS: dict[str, str] = {
    "no_rule": gettext_noop(
        "no rule version was in force when the order was placed, or none of its variants is for this sale"
    ),
    "exceeds_refundable": gettext_noop("nothing, or more than what is left of the payment, was to be refunded"),
    "dispute_open": gettext_noop("the order is in dispute"),
    "already_reversed": gettext_noop("this refund has been reversed before"),
    "already_released": gettext_noop("the order's reserve has been released before"),
    "idempotency_conflict": gettext_noop("the same event id came before with another body"),
    "unknown_order": gettext_noop("no such order is in the books"),
    "unknown_line": gettext_noop("the order has no such line"),
    "unknown_refund": gettext_noop("the order has no such refund"),
    "duplicate_order": gettext_noop("an order with this name is in the books already"),
    "no_open_dispute": gettext_noop("the order has no open dispute"),
}

Scalar = str | int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a code from SENTENCES, the path to it such as `steps[2].bp`, and what to fill in."""

    code: str
    path: str
    params: Mapping[str, Scalar] = field(default_factory=dict)

    def worded(self, translate: Callable[[str], str]) -> str:
        """Return the problem as one plain sentence in the language of `translate` (a gettext function)."""
        told = {name: _fitting(value) for name, value in self.params.items()}
        return translate(SENTENCES[self.code]).format(place=self.path or translate(WHOLE), **told)

    @property
    def sentence(self) -> str:
        """The problem as one plain English sentence."""
        return self.worded(gettext_noop)


def _fitting(value: Scalar) -> Scalar:
    """Return a value, or the beginning of a number that no sentence has room for (texts come cut)."""
    digits = str(value) if isinstance(value, int) else ""
    return f"{digits[:57]}..." if len(digits) > 60 else value


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
