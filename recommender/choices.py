"""Closed vocabularies of the recommender."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class TrainingState(models.TextChoices):
    """Where a training run stands."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")


class Stage(models.TextChoices):
    """Whether a trained model serves."""

    CANDIDATE = "candidate", _("Candidate")
    SHADOW = "shadow", _("Shadow")
    CANARY = "canary", _("Canary")
    LIVE = "live", _("Live")
    RETIRED = "retired", _("Retired")


class Slot(models.TextChoices):
    """Where a list is shown."""

    HOME = "home", _("Learner's home")
    COURSE = "course", _("Course page")
    BOUGHT = "bought", _("After a purchase")
    MAIL = "mail", _("In mail")
    API = "api", _("By the API")


class Source(models.TextChoices):
    """What found a course for a list."""

    MODEL = "model", _("Learned from what people do")
    TOPIC = "topic", _("By its topic")
    POPULAR = "popular", _("By how many learn it")
    EXPLORE = "explore", _("Place kept for new courses")


class Refusal(models.TextChoices):
    """What a learner said of a suggestion."""

    COURSE = "course", _("Not for me")
    LESS = "less", _("Less like this")


class PathGoal(models.TextChoices):
    """What a learning path leads to."""

    TOPIC = "topic", _("A topic")
    COURSE = "course", _("A course")
    WORDS = "words", _("What words find")


class StepReason(models.TextChoices):
    """Why a course stands on a path."""

    REQUIRED = "required", _("Asked for by a later step")
    NEXT = "next", _("Often taken after another")
    GOAL = "goal", _("Matches the goal")
    CHOSEN = "chosen", _("Chosen by hand")


class ExperimentState(models.TextChoices):
    """Where an experiment stands."""

    DRAFT = "draft", pgettext_lazy("experiment", "Draft")
    RUNNING = "running", pgettext_lazy("experiment", "Running")
    STOPPED = "stopped", pgettext_lazy("experiment", "Stopped")
    DECIDED = "decided", pgettext_lazy("experiment", "Decided")


class ExperimentKind(models.TextChoices):
    """How readers meet the arms."""

    SPLIT = "split", _("Each reader sees one arm")
    MIXED = "mixed", _("Both arms in one list (interleaving)")


class ExperimentMethod(models.TextChoices):
    """How the difference is tested."""

    ALWAYS = "always", _("Always valid: look whenever you like")
    FIXED = "fixed", _("Fixed horizon: look once, at the end")


class Decision(models.TextChoices):
    """What was done with an experiment."""

    REPLAY = "replay", _("Replayed offline")
    START = "start", _("Started")
    STOP = "stop", _("Stopped it")
    DECIDE = "decide", _("Decided it")
    PROMOTE = "promote", _("Made it serve everybody")
    ROLLBACK = "rollback", _("Went back to what served before")


class Watched(models.TextChoices):
    """A guardrail: what must not rise, whatever sells more."""

    REFUNDS = "refunds", _("Refunded orders")
    LATENCY = "latency", _("Milliseconds of an answer")
    GINI = "gini", _("Creators’ Gini")


class Verdict(models.TextChoices):
    """Whether a guardrail holds."""

    HOLDS = "holds", _("Holds")
    UNSURE = "unsure", _("Not sure yet")
    BREACHED = "breached", _("Breached")


class LeftOut(models.TextChoices):
    """Why an act is not learned from."""

    NOBODY = "no person", _("By a browser, not by a person")
    NO_COURSE = "no course", _("Concerns no course")
    STAFF = "staff", _("By staff")
    IMPERSONAL = "nothing personal", _("By who wants nothing personal")
    REVERSED = "import reversed", _("Of an import that was reversed")
    SHORT = "short stay", _("Too short a stay")
    SILENT = "says nothing of a course", _("Says nothing of a course")


class DataFinding(models.TextChoices):
    """What the data checks look for."""

    TARGET = "target_in_train", _("The answer stands among what is learned from")
    TRUNCATED = "truncated_target", _("The answer’s id was cut short")
    FUTURE = "future_in_train", _("What is learned from knows the future")
    REPEATED = "repeated_rows", _("Rows that stand twice")
