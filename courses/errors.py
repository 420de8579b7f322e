"""Refusals of this floor. Each says in one sentence of the reader's language what is so and what to do."""

from typing import ClassVar


class CoursesError(Exception):
    """A verb was refused and nothing was written. `code` is stable for programs, `status` is the HTTP answer."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400


class NotOnSaleError(CoursesError):
    """The course is a draft or retired."""

    code = "not_on_sale"


class NotReadyError(CoursesError):
    """The course lacks something that it needs before it can be published."""

    code = "not_ready"


class CircularPrerequisiteError(CoursesError):
    """The course would have to be finished before itself."""

    code = "circular_prerequisite"


class AlreadyOwnedError(CoursesError):
    """The learner is enrolled already."""

    code = "already_owned"
    status = 409


class EmptyCartError(CoursesError):
    """Nothing is to be bought."""

    code = "empty_cart"


class SeveralCurrenciesError(CoursesError):
    """An order has one currency; the cart holds several."""

    code = "several_currencies"


class NotPayableError(CoursesError):
    """The order is paid by another payment, cancelled or voided."""

    code = "not_payable"
    status = 409


class WrongAmountError(CoursesError):
    """The payment's amount or currency is not the order's."""

    code = "wrong_amount"
    status = 409


class PaymentConflictError(CoursesError):
    """The provider's id was seen before with another order or amount."""

    code = "payment_conflict"
    status = 409


class BadOrderError(CoursesError):
    """An order that arrived whole cannot be taken as it stands."""

    code = "bad_order"


class NotVoidableError(CoursesError):
    """Only a paid order can be voided."""

    code = "not_voidable"
    status = 409


class NotRefundableError(CoursesError):
    """The order gives nothing back now: not paid, in dispute, or less is left than was asked."""

    code = "not_refundable"
    status = 409


class RefundConflictError(CoursesError):
    """The provider's id of a refund or dispute was seen before with other facts."""

    code = "refund_conflict"
    status = 409


class RefundStepError(CoursesError):
    """A step that this refund cannot take now, or not by this person."""

    code = "refund_step"
    status = 409


class DisputeError(CoursesError):
    """A dispute that cannot be opened or closed as asked."""

    code = "dispute"
    status = 409


class LessonClosedError(CoursesError):
    """The lesson opens for enrolled learners only."""

    code = "lesson_closed"
    status = 403


class NotEnrolledError(CoursesError):
    """Only enrolled learners may do this."""

    code = "not_enrolled"
    status = 403


class BadRatingError(CoursesError):
    """Stars or comment are out of bounds."""

    code = "bad_rating"
