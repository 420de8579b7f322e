"""Closed vocabularies of analytics."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ConversionKind(models.TextChoices):
    """What a journey led to."""

    ORDER = "order", _("Paid order")
    SIGN_UP = "sign_up", _("Sign-up")


class TouchFlag(models.TextChoices):
    """Why a touch is kept but brings nobody anything. Without a flag it counts."""

    SELF = "self", _("By somebody of the link's own party")
    INJECTED = "injected", _("Not opened by the visitor as a page")
    REPEAT = "repeat", _("The same link again within seconds")


class MergeCause(models.TextChoices):
    """By what a browser was recognised as a person's."""

    SIGN_UP = "sign_up", _("Sign-up")
    SIGN_IN = "sign_in", _("Sign-in")
    PURCHASE = "purchase", _("Purchase")


class RunState(models.TextChoices):
    """Where a report run stands."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class ReportModel(models.TextChoices):
    """Attribution models that a channel report offers."""

    FIRST_TOUCH = "first_touch", _("First touch")
    LAST_TOUCH = "last_touch", _("Last touch")
    LAST_NON_DIRECT = "last_non_direct", _("Last non-direct")
    LINEAR = "linear", _("Linear")
    U_SHAPE = "u_shape", _("U-shape")
    TIME_DECAY = "time_decay", _("Time decay")
    SHAPLEY = "shapley", _("Shapley")
    MARKOV = "markov", _("Markov")
    COUNTERFACTUAL = "counterfactual", _("Incremental")


class Segment(models.TextChoices):
    """What a report is cut by, beside its channels."""

    CHANNELS = "channels", _("Channels")
    WAYS = "ways", _("Ways in a channel")
    COURSES = "courses", _("Courses")
    CREATORS = "creators", _("Creators")
    COHORTS = "cohorts", _("Cohorts")


class Goal(models.TextChoices):
    """What models are compared by in the explorer."""

    REVENUE = "revenue", _("Revenue")
    ORDERS = "orders", _("Orders")
    BUYERS = "buyers", _("New buyers")
    SIGN_UPS = "sign_ups", _("Sign-ups")


class HoldoutKind(models.TextChoices):
    """By what people are kept from a channel in a test."""

    USER_HASH = "user_hash", _("People, by hash")
    GEO = "geo", _("Regions")
    CAMPAIGN = "campaign", _("Campaigns' audiences")


class HoldoutSide(models.TextChoices):
    """Which side of a test an arm is."""

    EXPOSED = "exposed", _("Could see it")
    HELD = "held", _("Held out")
