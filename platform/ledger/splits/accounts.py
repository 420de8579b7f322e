"""The names of the books' accounts: a fixed list, and three accounts for every party."""

import re
from functools import lru_cache
from typing import Final

CLEARING: Final = "processor:clearing"
BANK: Final = "bank:operating"
TAX: Final = "tax:payable"
WITHHOLDING: Final = "tax:withholding"
REVENUE: Final = "platform:revenue"
PROCESSOR_FEES: Final = "platform:processor_fees"
PROMOTIONS: Final = "platform:promotions"
DISPUTE_FEES: Final = "platform:dispute_fees"
GUARANTEES: Final = "platform:guarantees"
FX_RESULT: Final = "platform:fx"
DEFERRED: Final = "subscription:deferred"
FX_POSITION: Final = "fx:position"
IN_TRANSIT: Final = "payouts:in_transit"

MONEY_PLACES: Final = frozenset({CLEARING, BANK, FX_POSITION, IN_TRANSIT})
"""Where money lies or is on its way. Only events move it there; no rule can pay them."""

FIXED: Final = MONEY_PLACES | {
    TAX,
    WITHHOLDING,
    REVENUE,
    PROCESSOR_FEES,
    PROMOTIONS,
    DISPUTE_FEES,
    GUARANTEES,
    FX_RESULT,
    DEFERRED,
}

CHANNEL: Final = "channel"
"""In a rule: whoever brought the buyer, known only at the sale."""

POOL: Final = "pool"
"""In a discount: nobody bears it, the base itself is smaller."""

GROUP_PREFIX: Final = "group:"
"""In a rule: a share that the rule's group of that name divides again."""

_UNKEEPABLE = r"\x00-\x1f\x7f\ud800-\udfff"
"""Characters that no name holds: those that control, and halves of pairs that no text keeps."""

_PARTY_ID = rf"[^:\s{_UNKEEPABLE}]+"
_PARTY = re.compile(rf"party:{_PARTY_ID}")
_PARTY_PART = re.compile(rf"party:{_PARTY_ID}:(?:reserve|advance)")
_ID = re.compile(_PARTY_ID)
_GROUP_NAME = re.compile(rf"[^:.\[\]\s{_UNKEEPABLE}]+")
_MOST_NAMES = 100_000
# The same names come again with every sale, and a look costs less than a match.


@lru_cache(_MOST_NAMES)
def is_party_id(name: str) -> bool:
    """Tell whether `name` can stand in `party:NAME`: not empty, without colon or white space."""
    return _ID.fullmatch(name) is not None


def is_group_name(name: object) -> bool:
    """Tell whether `name` can stand in `group:NAME` and in a clause's path: no colon, point, bracket, white space."""
    return isinstance(name, str) and _GROUP_NAME.fullmatch(name) is not None


@lru_cache(_MOST_NAMES)
def is_payable(account: str) -> bool:
    """Tell whether `account` is a party's payable, `party:X`."""
    return _PARTY.fullmatch(account) is not None


def is_known(account: str) -> bool:
    """Tell whether `account` is on the list or one of a party's three."""
    return account in FIXED or is_payable(account) or _PARTY_PART.fullmatch(account) is not None


def can_be_paid(account: str) -> bool:
    """Tell whether a rule may give money to `account`: a party's payable, or what is not a place where money lies."""
    return is_payable(account) or (account in FIXED and account not in MONEY_PLACES)


def payable(party: str) -> str:
    """Return the account of what is owed to `party`."""
    return f"party:{party}"


def reserve(account: str) -> str:
    """Return the reserve account that belongs to a payable."""
    return f"{account}:reserve"


def advance(account: str) -> str:
    """Return the advance account that belongs to a payable."""
    return f"{account}:advance"
