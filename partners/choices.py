"""Closed vocabularies of the partner programme."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class MembershipState(models.TextChoices):
    """Where a party stands in the programme."""

    APPLIED = "applied", _("Applied")
    APPROVED = "approved", pgettext_lazy("membership", "Approved")
    REJECTED = "rejected", _("Rejected")
    SUSPENDED = "suspended", _("Suspended")
    LEFT = "left", _("Left")


class Tier(models.TextChoices):
    """Standing of a member."""

    STANDARD = "standard", _("Standard")
    SILVER = "silver", _("Silver")
    GOLD = "gold", _("Gold")


class ChannelKind(models.TextChoices):
    """How a visitor came."""

    DIRECT = "direct", _("Direct")
    ORGANIC_SEARCH = "organic_search", _("Organic search")
    PAID_SEARCH = "paid_search", _("Paid search")
    PAID_SOCIAL = "paid_social", _("Paid social")
    ORGANIC_SOCIAL = "organic_social", _("Organic social")
    EMAIL = "email", _("Email")
    PARTNER = "partner", _("Partner links")
    REFERRAL = "referral", _("Referral")
    DISPLAY = "display", _("Display ads")
    VIDEO = "video", _("Video")
    EVENT = "event", _("Events")
    RECOMMENDATION = "recommendation", _("Recommended here")


class Bearer(models.TextChoices):
    """Who bears a discount."""

    POOL = "pool", _("Everyone, before the split")
    PLATFORM = "platform", _("The platform")
    OWNER = "owner", _("The owner of the coupon")


class VersionKind(models.TextChoices):
    """What a version of an agreement is for."""

    STANDARD = "standard", _("Standard")
    CORRECTION = "correction", _("Correction")


class VersionState(models.TextChoices):
    """The life of a version of an agreement."""

    DRAFT = "draft", _("Draft")
    PROPOSED = "proposed", _("Proposed")
    ACCEPTED = "accepted", _("Accepted")
    IN_FORCE = "in_force", _("In force")
    SUPERSEDED = "superseded", _("Superseded")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    DECLINED = "declined", _("Declined")


class MeterPeriod(models.TextChoices):
    """Over which time the volume is counted that tiers are held against; by the calendar of the house."""

    EVER = "ever", _("Since the agreement began")
    YEAR = "year", _("In the calendar year")
    MONTH = "month", _("In the calendar month")


class MeterKind(models.TextChoices):
    """What a counter of an agreement counts."""

    VOLUME = "volume", _("Volume")
    CAP = "cap", _("Earned by bringing learners")


class CapPeriod(models.TextChoices):
    """What a cap holds for."""

    ORDER = "order", _("One order")
    MONTH = "month", _("One calendar month")


class AdvanceState(models.TextChoices):
    """The life of an advance."""

    PREPARED = "prepared", _("Prepared")
    PAID = "paid", _("Paid out")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Precedence(models.TextChoices):
    """Who earns when link and coupon name different owners; never both."""

    COUPON = "coupon", _("The coupon")
    LINK = "link", _("The link")
    LATEST = "latest", _("Whichever came last")


class SelfPurchase(models.TextChoices):
    """What happens when a party buys through its own link or buys its own course."""

    REFUSE = "refuse", _("Earns nothing")
    ALLOW = "allow", _("Earns as usual")


class PayingModel(models.TextChoices):
    """The attribution model that pays channels under an agreement."""

    FIRST_TOUCH = "first_touch", _("First touch")
    LAST_TOUCH = "last_touch", _("Last touch")
    LAST_NON_DIRECT = "last_non_direct", _("Last non-direct")
    LINEAR = "linear", _("Linear")
    U_SHAPE = "u_shape", _("U-shape")
    TIME_DECAY = "time_decay", _("Time decay")
    POSITION_WEIGHTS = "position_weights", _("Weights by position")
    SHAPLEY = "shapley", _("Shapley")
    MARKOV = "markov", _("Markov")
    COUNTERFACTUAL = "counterfactual", _("Incremental")


class DecisionReason(models.TextChoices):
    """Why a party earned what it earned from one order line, also when that is nothing.

    HELD is EARNED that was not free yet when it was decided; from `matures_at` on it is read as EARNED.
    """

    EARNED = "earned", _("Earned")
    HELD = "held", _("Earned, held for now")
    SELF_PURCHASE = "self_purchase", _("Own purchase")
    WINDOW_CLOSED = "window_closed", _("Came outside the look-back window")
    SELF_CLICK = "self_click", _("Own click")
    CLICK_INJECTED = "click_injected", _("A click that was not the learner's own doing")
    LOST_TO_COUPON = "lost_to_coupon", _("The coupon of another partner took precedence")
    LOST_TO_LINK = "lost_to_link", _("The link of another partner took precedence")
    NOT_IN_FORCE = "not_in_force", _("No agreement was in force")
    NOT_A_MEMBER = "not_a_member", _("Not an active member of the programme")
    NOTHING_LEFT = "nothing_left", _("Nothing was left to share")
    CAP_REACHED = "cap_reached", _("The agreement's cap was reached")
    NO_CREDIT = "no_credit", _("The paying model gave no credit")
    NO_SHARE = "no_share", _("The agreement gives channels no share")
    NO_PART = "no_part", _("The agreement gives no part of such a sale")
    DUPLICATE = "duplicate", _("The learner had the course already")
    DISCOUNT_BORNE = "discount_borne", _("A discount that you bear took it up")
    VOIDED = "voided", _("The order was voided")
    REFUNDED = "refunded", _("Refunded")
    REFUND_REVERSED = "refund_reversed", _("The refund was taken back")
    DISPUTED = "disputed", _("Disputed")
    DISPUTE_WON = "dispute_won", _("The dispute was won")
    DISPUTE_LOST = "dispute_lost", _("The dispute was lost")
    CORRECTED = "corrected", _("Corrected")
    CLAIMED = "claimed", _("Your claim was accepted")


EFFECTS = (
    DecisionReason.VOIDED,
    DecisionReason.REFUNDED,
    DecisionReason.REFUND_REVERSED,
    DecisionReason.DISPUTED,
    DecisionReason.DISPUTE_WON,
    DecisionReason.DISPUTE_LOST,
    DecisionReason.CORRECTED,
)
"""Reasons of decisions that follow a sale's own: each moves what the sale gave, and points at the entry that did."""


class ReplayState(models.TextChoices):
    """Where a what-if stands."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Being computed")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class ClaimState(models.TextChoices):
    """Where a claim stands. `upheld`: refused a second time, by another person, for good."""

    FILED = "filed", _("Evidence is being gathered")
    REVIEW = "review", _("In review")
    CONFIRMING = "confirming", _("Accepted, a second person looks")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    APPEALED = "appealed", _("Appeal in review")
    UPHELD = "upheld", _("Refused for good")
    WITHDRAWN = "withdrawn", _("Withdrawn")


CLAIMS_OPEN = (ClaimState.FILED, ClaimState.REVIEW, ClaimState.CONFIRMING, ClaimState.APPEALED)
"""States in which the house owes an answer; the clock runs."""


class ClaimReason(models.TextChoices):
    """Why a claim is, or would be, accepted or refused."""

    CLICK_FOUND = "click_found", _("A click through the partner's link was found")
    COUPON_FOUND = "coupon_found", _("The partner's coupon was used")
    PROVEN_ELSEWHERE = "proven_elsewhere", _("Proven by other means")
    NO_SUCH_ORDER = "no_such_order", _("No such order")
    NOT_PAID = "not_paid", _("The order was not paid")
    GIVEN_BACK = "given_back", _("The order was given back")
    ALREADY_CREDITED = "already_credited", _("Already credited to the partner")
    SELF_PURCHASE = "self_purchase", _("Own purchase")
    NOT_A_MEMBER = "not_a_member", _("Not an active member of the programme")
    NOT_IN_FORCE = "not_in_force", _("No agreement was in force")
    NO_SHARE = "no_share", _("The agreement gives channels no share")
    NO_TOUCH = "no_touch", _("No click and no coupon of the partner's")
    OUTSIDE_WINDOW = "outside_window", _("Outside the look-back window")
    CLICK_REFUSED = "click_refused", _("The click does not count")
    LOST_TO_COUPON = "lost_to_coupon", _("Another partner's coupon took precedence")
    LOST_TO_LINK = "lost_to_link", _("Another partner's link took precedence")
    OTHER_PARTNER = "other_partner", _("Another partner brought the order")
    DUPLICATE = "duplicate", _("The learner had the course already")
    NO_CREDIT = "no_credit", _("The paying model gave no credit")
    CAP_REACHED = "cap_reached", _("The agreement's cap was reached")
    NOTHING_LEFT = "nothing_left", _("Nothing was left to share")


CLAIM_ACCEPTS = (ClaimReason.CLICK_FOUND, ClaimReason.COUPON_FOUND, ClaimReason.PROVEN_ELSEWHERE)
"""Reasons for which a claim is accepted; all others refuse."""


class ClaimBasis(models.TextChoices):
    """As what an accepted claim is computed."""

    EVIDENCE = "evidence", _("By the journey as it is known today")
    SOLE = "sole", _("As if the partner had brought the order alone")


class ClaimStepKind(models.TextChoices):
    """What happened to a claim."""

    FILED = "filed", _("Filed")
    GATHERED = "gathered", _("Evidence gathered")
    REMINDED = "reminded", _("Due soon")
    OVERDUE = "overdue", _("Overdue")
    CONFIRMING = "confirming", _("Accepted, waits for a second person")
    SENT_BACK = "sent_back", _("The second person declined")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    APPEALED = "appealed", _("Appealed")
    UPHELD = "upheld", _("Refused for good")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class FindingKind(models.TextChoices):
    """What a piece of evidence is about."""

    ORDER = "order", _("Order")
    TERMS = "terms", _("Terms in force")
    TOUCH = "touch", _("Touch")
    CLICKS = "clicks", _("Clicks in all")
    COUPON = "coupon", _("Coupon")
    CREDIT = "credit", _("Credit as settled")
    DECISION = "decision", _("Decision")
    CLAIM = "claim", _("Competing claim")
    BUYER = "buyer", _("Buyer")


class AdjustmentState(models.TextChoices):
    """The life of an adjustment."""

    REQUESTED = "requested", _("Waiting for a second person")
    BOOKED = "booked", _("Booked")
    DECLINED = "declined", _("Declined")
