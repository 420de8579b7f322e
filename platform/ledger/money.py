"""Money as whole minor units, and the one way to divide it.

Amounts are integers in a currency's minor unit (cent, fen, yen, fils). Shares are basis points (bp, 10,000 = all),
credits parts per million (ppm). No float is accepted anywhere, and `True` is not taken for one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

BP = 10_000
PPM = 1_000_000

_ZERO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DECIMALS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU
CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR
NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"

ACTIVE: dict[str, int] = {
    code: digits
    for digits, codes in ((0, _ZERO_DECIMALS), (2, _TWO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}
"""ISO 4217 exponents of every active currency and fund code that has a minor unit (metals, SDR, test codes: none)."""

WITHDRAWN: dict[str, int] = {"ANG": 2, "BGN": 2, "CUC": 2, "HRK": 2, "SLL": 2, "ZWL": 2}
"""Left the list within the last few years. Books are never rewritten, so what was sold in them must stay readable."""

EXPONENTS: dict[str, int] = {**WITHDRAWN, **ACTIVE}

_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


class MoneyError(ValueError):
    """An amount, currency or weight that cannot be taken as it stands."""


class CurrencyMismatchError(MoneyError):
    """Two currencies met in one sum; only an exchange with a recorded rate may do that."""


def exponent(currency: str) -> int:
    """Return how many decimals `currency` (ISO 4217 letters) has: JPY 0, USD 2, KWD 3. Unknown: MoneyError."""
    try:
        return EXPONENTS[currency]
    except (KeyError, TypeError):
        raise MoneyError(f"unknown currency {currency!r}") from None


def minor_from_decimal(text: str, currency: str, *, allow_negative: bool = False) -> int:
    """Read a plain decimal string as minor units: "12.3" USD is 1230, "12" JPY is 12.

    Only digits with an optional leading minus and one point: no sign, space, grouping or exponent. More decimals than
    the currency has are refused, zeros included, because they are usually a sign of the wrong currency.
    """
    digits = exponent(currency)
    match = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise MoneyError(f"{text!r} is not a plain decimal number")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > digits:
        raise MoneyError(f"{text!r} has {len(fraction)} decimals, {currency} has {digits}")
    minor = int(whole + fraction.ljust(digits, "0"))
    if sign and not allow_negative:
        raise MoneyError(f"{text!r} is negative")
    return -minor if sign else minor


def decimal_from_minor(minor: int, currency: str) -> str:
    """Write minor units as a plain decimal string with all of the currency's decimals: 1230 USD is "12.30"."""
    digits = exponent(currency)
    sign, text = ("-" if minor < 0 else ""), str(abs(_whole(minor))).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else sign + text


def half_up(numerator: int, denominator: int) -> int:
    """Round numerator/denominator (numerator >= 0, denominator > 0) to the nearest whole, an exact half upwards."""
    if _whole(numerator) < 0 or _whole(denominator) <= 0:
        raise MoneyError(f"half_up of {numerator}/{denominator}: needs n >= 0 and d > 0")
    return (2 * numerator + denominator) // (2 * denominator)


def pct(amount: int, bp: int) -> int:
    """Return the taker's part of `amount` (>= 0) at `bp` basis points; an exact half goes to the taker.

    Equals `apportion(amount, [bp, 10000 - bp])[0]`.
    """
    if type(amount) is not int or type(bp) is not int or amount < 0 or not 0 <= bp <= BP:
        _whole(amount), _whole(bp)
        raise MoneyError(f"pct of {amount} at {bp} bp: needs an amount >= 0 and 0 <= bp <= {BP}")
    return (2 * amount * bp + BP) // (2 * BP)


class Portion(NamedTuple):
    """How one line came to its units: `whole` units filled its deficit, `odd` (0 or 1) was won by what was left over.

    `left` is that left-over deficit in units of 1/sum(weights), before the odd units went out; -1 for a line that was
    not in the running (weight 0, or already ahead of the others).
    """

    whole: int
    odd: int
    left: int


def apportion(total: int, weights: Sequence[int], already: Sequence[int] | None = None) -> list[int]:
    """Divide `total` units (>= 0) by `weights` (>= 0), knowing what each line got `already` (>= 0).

    Line i has the exact quota q_i = (total + sum(already)) * w_i / sum(w). Units go one at a time to the line with the
    largest deficit q_i - got_i, on equal deficits to the earlier; weight 0 gets nothing. Without history this is
    largest remainder (Hamilton); with it, nothing once given is ever taken back. Computed in closed form,
    O(n log n) whatever the total. MoneyError if there is something to give and no weight to give it to.
    """
    if already is not None:
        return [portion.whole + portion.odd for portion in portions(total, weights, already)]
    scale = _checked_scale(total, weights, ())
    if not total:
        return [0] * len(weights)
    given = [total * weight // scale for weight in weights]
    odd_units = total - sum(given)
    if odd_units:
        rests = [total * weight % scale for weight in weights]
        for i in sorted(range(len(weights)), key=rests.__getitem__, reverse=True)[:odd_units]:  # stable: earlier first
            given[i] += 1
    return given


def portions(total: int, weights: Sequence[int], already: Sequence[int] | None = None) -> list[Portion]:
    """Do `apportion` and keep, per line, how the rounding fell."""
    got = already if already is not None else [0] * len(weights)
    if len(got) != len(weights):
        raise MoneyError(f"{len(weights)} weights but {len(got)} amounts already given")
    scale = _checked_scale(total, weights, got)
    if not total:
        return [Portion(0, 0, -1)] * len(weights)
    quota_total = total + sum(got)
    # Each deficit in units of 1/scale, cut into whole units and a rest; None for a line without weight.
    cut = [divmod(quota_total * w - g * scale, scale) if w else None for w, g in zip(weights, got, strict=True)]
    level = _water_level(total, sorted((c[0] for c in cut if c and c[0] > 0), reverse=True))
    running = [i for i, c in enumerate(cut) if c and c[0] >= level]
    result = [Portion(0, 0, -1)] * len(weights)
    for i in running:
        whole, rest = cut[i] or (0, 0)
        result[i] = Portion(whole - level, 0, rest)
    odd_units = total - sum(portion.whole for portion in result)
    for i in sorted(running, key=lambda i: result[i].left, reverse=True)[:odd_units]:
        result[i] = result[i]._replace(odd=1)
    return result


def _water_level(total: int, wholes: list[int]) -> int:
    """Return the smallest L >= 0 at which giving every line its whole deficit above L costs no more than `total`.

    `wholes` are the positive whole deficits, largest first. L is above 0 only when some line is so far ahead of its
    quota that the others cannot all be filled.
    """
    cost = sum(wholes)
    if cost <= total:
        return 0
    while True:  # a line whose whole deficit lies under the level gets nothing: leave it out and look again
        level = -((total - cost) // len(wholes))
        if level <= wholes[-1]:
            return level
        cost -= wholes.pop()


def _checked_scale(total: int, weights: Sequence[int], already: Sequence[int]) -> int:
    for value in (total, *weights, *already):
        if type(value) is not int or value < 0:
            raise MoneyError(f"cannot apportion with a negative number ({_whole(value)})")
    scale = sum(weights)
    if total and not scale:
        raise MoneyError(f"{total} units to give and every weight is zero")
    return scale


def _whole(value: int) -> int:
    if type(value) is not int:
        raise MoneyError(f"{value!r} is not a whole number")
    return value


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of minor units in one currency. Adding or comparing two currencies raises CurrencyMismatchError."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        _whole(self.minor)
        exponent(self.currency)

    @classmethod
    def parse(cls, text: str, currency: str, *, allow_negative: bool = False) -> Self:
        """Read a plain decimal string; see `minor_from_decimal`."""
        return cls(minor_from_decimal(text, currency, allow_negative=allow_negative), currency)

    @classmethod
    def total(cls, amounts: Iterable[Self], currency: str) -> Self:
        """Sum `amounts`, all of which must be in `currency`; of nothing it is zero."""
        return cls(sum(cls(0, currency)._same(amount) for amount in amounts), currency)

    def to_decimal_string(self) -> str:
        """Write the amount with all of its currency's decimals, without sign grouping: "-12.30"."""
        return decimal_from_minor(self.minor, self.currency)

    def split(self, weights: Sequence[int]) -> list[Self]:
        """Divide a non-negative amount by `weights`; the parts sum to the whole. See `apportion`."""
        return [type(self)(part, self.currency) for part in apportion(self.minor, weights)]

    def __add__(self, other: Self) -> Self:
        return type(self)(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.minor, self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Self) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Self) -> bool:
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{self.to_decimal_string()} {self.currency}"

    def _same(self, other: Self) -> int:
        if not isinstance(other, Money):
            raise MoneyError(f"{other!r} is not money")
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} do not add up")
        return other.minor
