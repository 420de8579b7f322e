"""What an import did, to the last minor unit: kept with the batch, printed for the operator."""

from collections import Counter
from typing import Any

from analytics.models import Spend
from courses.models import OrderLine
from ledger.money import decimal_from_minor
from ledger.selectors import credits_of_parties
from portal.imports.errors import RefusedImportError
from portal.imports.mapping import Mapping
from portal.imports.plan import Plan
from portal.imports.write import Written

ALREADY = "already imported"


def make(plan: Plan, mapping: Mapping, done: Written) -> dict[str, Any]:
    """The receipt as JSON. Raises when what was written differs from the files: then nothing may be kept."""
    fresh = {key for key, order in done.targets.items() if key[0] == "payment" and int(order) in set(done.orders)}
    in_files = sum(item.amount_minor for item in plan.payments if ("payment", item.source.external_id) in fresh)
    booked = sum(OrderLine.objects.filter(order_id__in=done.orders).values_list("payable_minor", flat=True))
    if in_files != booked:
        raise RefusedImportError(
            f"the payments sum to {in_files} minor units, the orders to {booked}; nothing was kept."
        )
    return {
        "batch": done.batch.pk,
        "source": mapping.source,
        "files": [_file(name, read, done) for name, read in plan.rows_read.items()],
        "payments": {
            "currency": mapping.currency,
            "in_file_minor": sum(item.amount_minor for item in plan.payments),
            "booked_now_minor": booked,
        },
        "spend": [_spend(total.file, total, plan, done) for total in plan.spend_totals],
        "arrivals": dict(sorted(Counter(person.arrival.channel for person in plan.people).items())),
        "payable": [
            {"party": code, "currency": currency, "amount_minor": amount}
            for code, currency, amount in credits_of_parties(source_kind="order", source_ids=_codes(done))
        ],
        "declared": {
            "time_zone": str(mapping.zone),
            "currency": mapping.currency,
            "effective_from": mapping.effective_from.isoformat(),
            "rates": [f"1 {rate.base} = {rate.rate} {rate.quote} from {rate.day}" for rate in mapping.rates],
        },
    }


def _file(name: str, read: int, done: Written) -> dict[str, Any]:
    skipped = done.skipped.get(name, 0)
    return {
        "file": name,
        "read": read,
        "written": done.written.get(name, 0),
        "skipped": {ALREADY: skipped} if skipped else {},
    }


def _codes(done: Written) -> list[str]:
    return list(OrderLine.objects.filter(order_id__in=done.orders).values_list("order__code", flat=True))


def _spend(name: str, total: Any, plan: Plan, done: Written) -> dict[str, Any]:
    planned = [item for item in plan.spend if item.source.file.removesuffix(".gz") == name.removesuffix(".gz")]
    days = {(item.network, item.campaign, item.day) for item in planned}
    kept = Spend.objects.filter(import_batch=done.batch, campaign__source__in={item.network for item in planned})
    booked = sum(
        amount
        for *key, amount in kept.values_list("campaign__source", "campaign__external_id", "day", "amount_minor")
        if tuple(key) in days
    )
    numerator, denominator = total.exact
    return {
        "file": name,
        "currency": total.currency,
        "exact_minor": f"{numerator // denominator}"
        if numerator % denominator == 0
        else _decimal(numerator, denominator),
        "rounded_minor": total.rounded,
        "apportioned_minor": total.apportioned,
        "booked_now_minor": booked,
        "campaign_days": len(planned),
    }


def _decimal(numerator: int, denominator: int) -> str:
    """A fraction with a power of ten below it, as plain digits."""
    whole, rest = divmod(numerator, denominator)
    digits = len(str(denominator)) - 1
    return f"{whole}.{str(rest).rjust(digits, '0').rstrip('0')}"


def lines(receipt: dict[str, Any], *, dry_run: bool) -> list[str]:
    """The receipt as text, a line each."""
    head = f"Import {receipt['batch']} of {receipt['source']}."
    if not any(entry["written"] for entry in receipt["files"]):
        head = "Nothing new: every row was imported before."
    if dry_run:
        head = "Dry run: everything below was done and rolled back; nothing is kept."
    text = [head, "", f"{'file':<36} {'read':>6} {'written':>8} {'skipped':>8}"]
    for entry in receipt["files"]:
        why = "; ".join(f"{count} {reason}" for reason, count in entry["skipped"].items())
        text.append(
            f"{entry['file']:<36} {entry['read']:>6} {entry['written']:>8} {sum(entry['skipped'].values()):>8}"
            + (f"  ({why})" if why else "")
        )
    payments = receipt["payments"]
    currency = payments["currency"]
    text += [
        "",
        f"payments in the file   {decimal_from_minor(payments['in_file_minor'], currency)} {currency}",
        f"booked by this import  {decimal_from_minor(payments['booked_now_minor'], currency)} {currency}",
    ]
    for spend in receipt["spend"]:
        unit = spend["currency"]
        rounded, parts = (decimal_from_minor(spend[key], unit) for key in ("rounded_minor", "apportioned_minor"))
        text.append(
            f"{spend['file']}: exactly {spend['exact_minor']} minor units; rounded once {rounded} {unit}; "
            f"apportioned over {spend['campaign_days']} campaign days {parts} {unit}; "
            f"booked by this import {decimal_from_minor(spend['booked_now_minor'], unit)} {unit}"
        )
    text += [
        "",
        "sign-ups by channel    " + ", ".join(f"{channel} {count}" for channel, count in receipt["arrivals"].items()),
    ]
    if receipt["payable"]:
        text += ["", "payable to"]
        text += [
            f"  {entry['party']:<48} {decimal_from_minor(entry['amount_minor'], entry['currency'])} {entry['currency']}"
            for entry in receipt["payable"]
        ]
    declared = receipt["declared"]
    text += [
        "",
        f"declared by the mapping: times in {declared['time_zone']}, payments in {declared['currency']}, "
        f"agreements from {declared['effective_from'][:10]}" + "".join(f", {rate}" for rate in declared["rates"]),
    ]
    return text
