"""What settled orders were settled under, so that a correction says of them only what it can still change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from ledger.splits.parse import parse_rule
from ledger.splits.problems import SplitsError
from ledger.splits.rule import Tiered
from partners.errors import AgreementError, RuleRefusedError
from partners.models import Agreement, AgreementVersion, EarningDecision
from partners.selectors.terms import pays_channels
from partners.services.meters import has_tiers
from partners.services.terms import DraftTerms

CARRIED = (
    "paying_model", "window_days", "half_life_days", "position_weights", "precedence", "self_purchase", "reserve_days",
    "meter", "caps",
)  # fmt: skip
"""Terms that were applied when an order was settled and that no correction applies anew."""


@dataclass(frozen=True, slots=True)
class SettledUnder:
    """When the first of some orders was placed, and the versions of one agreement that they were settled under."""

    first: datetime
    versions: Sequence[AgreementVersion]


def settled_under(agreement: Agreement, order_codes: Sequence[str]) -> SettledUnder:
    """Find what orders were settled under. AgreementError names those that were not settled under the agreement."""
    if not order_codes:
        raise AgreementError(_("A correction names the orders that it is about."))
    rows = EarningDecision.objects.filter(order_code__in=order_codes, version__agreement=agreement)
    found = {
        code: (placed, version) for code, placed, version in rows.values_list("order_code", "placed_at", "version")
    }
    missing = [code for code in dict.fromkeys(order_codes) if code not in found]
    if missing:
        raise AgreementError(
            _("These orders were not settled under this agreement: %(codes)s.") % {"codes": ", ".join(missing)}
        )
    versions = AgreementVersion.objects.filter(pk__in=rows.values("version")).order_by("number")
    return SettledUnder(min(placed for placed, _version in found.values()), list(versions))


def as_settled(terms: DraftTerms, settled: SettledUnder) -> DraftTerms:
    """The terms of a correction: its own holding period and note, all others as the orders were settled.

    AgreementError names the terms in which the versions behind the orders differ: no text could be true of all.
    """
    one, *others = settled.versions
    differ = [name for name in CARRIED if any(getattr(one, name) != getattr(other, name) for other in others)]
    if differ:
        raise AgreementError(
            _(
                "These orders were settled under versions that differ in %(terms)s, which a correction leaves as they "
                "were; correct the orders of each version by themselves."
            )
            % {"terms": _(", ").join(_words()[name] for name in differ)}
        )
    return replace(terms, effective_from=settled.first, **{name: getattr(one, name) for name in CARRIED})


def _words() -> dict[str, str]:
    """What the reader calls each term."""
    return {field.name: str(field.verbose_name) for field in AgreementVersion._meta.concrete_fields}


def caps_where_paid(terms: DraftTerms, rule: Mapping[str, Any]) -> DraftTerms:
    """The same terms, without caps where a complete rule pays nobody who brings learners."""
    try:
        paid = pays_channels(parse_rule(rule))
    except SplitsError:
        paid = True  # what is wrong with the rule is told by who checks it
    return terms if paid else replace(terms, caps=())


def refuse_uncounted(rule: Mapping[str, Any], settled: SettledUnder) -> None:
    """Raise RuleRefusedError where a complete rule asks for a volume that the orders were never told."""
    if all(has_tiers(version.rule) for version in settled.versions):
        return
    asks = [take.path for variant in parse_rule(rule).variants for take in variant.takes if isinstance(take, Tiered)]
    if asks:
        raise RuleRefusedError(
            _("%(clause)s asks for the volume before the sale, which was not counted when these orders were settled.")
            % {"clause": asks[0]}
        )
