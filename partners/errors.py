"""What the partner programme refuses, each with a stable code and one sentence for the person who asked."""

from collections.abc import Sequence

from ledger.splits.problems import Problem


class PartnersError(ValueError):
    """A wish that cannot be met as it stands. Nothing was written."""

    code = "partners_error"


class MembershipError(PartnersError):
    """A party cannot take this step in the programme."""

    code = "membership"


class ChannelError(PartnersError):
    """A channel or link that cannot be."""

    code = "channel"


class AdvanceError(PartnersError):
    """An advance that cannot be prepared, approved or withdrawn."""

    code = "advance"


class CouponError(PartnersError):
    """A coupon that does not count: unknown, over, used up, for another currency, or badly described."""

    code = "coupon"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AgreementError(PartnersError):
    """A step in an agreement's life that may not be taken."""

    code = "agreement"


class RuleRefusedError(AgreementError):
    """A rule that cannot be applied; `problems` says what is wrong and at which clause."""

    code = "rule"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class StatementError(PartnersError):
    """Statements that cannot be issued now."""

    code = "statement"


class SettlementError(PartnersError):
    """Facts of a sale that contradict one another; the order is named."""

    code = "settlement"


class GuaranteeError(PartnersError):
    """A guarantee that cannot be, or a step it cannot take."""

    code = "guarantee"


class ReplayRefusedError(PartnersError):
    """A what-if that cannot be asked or computed as it stands."""

    code = "replay"


class ClaimError(PartnersError):
    """A claim that cannot be filed, or a step it cannot take."""

    code = "claim"


class AdjustmentError(PartnersError):
    """An adjustment that cannot be filed, approved or declined."""

    code = "adjustment"
