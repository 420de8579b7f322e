"""Channel reports: computed by a task, kept with all that they were computed from."""

from datetime import date, timedelta

from django.db import models
from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from analytics.choices import ReportModel, RunState, Segment
from analytics.errors import MissingRateError
from partners.models import Channel

ABANDONED = timedelta(hours=1)
"""A run that has been computed for longer lost its worker."""


class ReportRun(models.Model):
    """One computation of the channel report: range, window, currency, inputs' watermark and hash."""

    state = models.CharField(_("state"), max_length=8, choices=RunState.choices, default=RunState.QUEUED)
    since = models.DateField(_("from"))
    until = models.DateField(_("to"), help_text=_("Inclusive, in the portal's time zone."))
    window_days = models.PositiveSmallIntegerField(_("look-back in days"), default=30)
    currency = models.CharField(_("currency"), max_length=3)
    with_direct = models.BooleanField(
        _("with direct visits"),
        default=True,
        db_default=True,
        help_text=_("Else a direct visit counts only on a journey that has no other touch."),
    )
    pays = models.BooleanField(
        _("pays"),
        default=True,
        db_default=True,
        editable=False,
        help_text=_("Nobody in person asked for it: Markov and Incremental credit later orders by what it learnt."),
    )
    parameters = models.JSONField(_("parameters"), default=dict)
    progress_bp = models.PositiveSmallIntegerField(_("progress in basis points"), default=0)
    watermark = models.DateTimeField(_("inputs up to"), null=True, blank=True)
    input_hash = models.CharField(_("hash of the inputs"), max_length=64, blank=True)
    facts = models.JSONField(_("figures of the run"), default=dict)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    requested_at = models.DateTimeField(_("asked at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("computed at"), null=True, blank=True)
    failure_code = models.CharField(_("kind of failure"), max_length=32, blank=True, default="", db_default="")
    failure_params = models.JSONField(
        _("facts of the failure"), default=dict, db_default=models.Value({}, models.JSONField()), blank=True
    )
    failure = models.TextField(
        _("technical reason"), blank=True, help_text=_("As the program said it, for who looks after it.")
    )

    class Meta:
        verbose_name = _("channel report")
        verbose_name_plural = _("channel reports")
        indexes = [models.Index(fields=["state", "-finished_at"], name="analytics_run_recent")]

    def __str__(self) -> str:
        return f"{formats.date_format(self.since)} – {formats.date_format(self.until)}"

    @property
    def is_alive(self) -> bool:
        """Whether it waits or is being computed, by a worker that is not lost."""
        if self.state == RunState.RUNNING:
            return self.started_at is not None and self.started_at > timezone.now() - ABANDONED
        return self.state == RunState.QUEUED

    @property
    def failed_because(self) -> str:
        """Why it failed, in the reader's language."""
        if self.failure_code == MissingRateError.code:
            facts = self.failure_params
            return str(MissingRateError(base=facts["base"], quote=facts["quote"], day=date.fromisoformat(facts["day"])))
        return gettext("The computation broke off. An operator finds the reason under the run's number.")


class ChannelReportRow(models.Model):
    """One channel under one model; no channel is the explicit unattributed row. Rows of a model sum to the totals."""

    run = models.ForeignKey(ReportRun, on_delete=models.CASCADE, related_name="rows", verbose_name=_("report"))
    model = models.CharField(_("model"), max_length=16, choices=ReportModel.choices)
    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("channel")
    )
    touches = models.PositiveBigIntegerField(_("touches"), default=0)
    visitors = models.PositiveBigIntegerField(_("visitors"), default=0)
    sign_ups_ppm = models.BigIntegerField(_("sign-ups in ppm"), default=0)
    orders_ppm = models.BigIntegerField(_("orders in ppm"), default=0)
    buyers_ppm = models.BigIntegerField(_("buyers in ppm"), default=0)
    revenue_minor = models.BigIntegerField(
        _("revenue in minor units"), default=0, help_text=_("What was paid and not given back.")
    )
    refunds_minor = models.BigIntegerField(_("refunds in minor units"), default=0, db_default=0)
    spend_minor = models.BigIntegerField(_("spend in minor units"), default=0)
    orders_low_ppm = models.BigIntegerField(_("orders in ppm, lower end"), null=True, blank=True)
    orders_high_ppm = models.BigIntegerField(_("orders in ppm, upper end"), null=True, blank=True)
    buyers_low_ppm = models.BigIntegerField(_("buyers in ppm, lower end"), null=True, blank=True)
    buyers_high_ppm = models.BigIntegerField(_("buyers in ppm, upper end"), null=True, blank=True)
    revenue_low_minor = models.BigIntegerField(_("revenue in minor units, lower end"), null=True, blank=True)
    revenue_high_minor = models.BigIntegerField(
        _("revenue in minor units, upper end"),
        null=True,
        blank=True,
        help_text=_("Ends of the 95% interval; runs from before intervals were computed have none."),
    )

    class Meta:
        verbose_name = _("row of a channel report")
        verbose_name_plural = _("rows of channel reports")
        constraints = [
            models.UniqueConstraint(
                fields=["run", "model", "channel"], name="analytics_report_row_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.model} {self.channel_id}"


class ReportPart(models.Model):
    """One stretch of days of a run in one segment: computed by itself, so that a run that broke off goes on from here.

    `content` holds what the part found, packed, until the run is done.
    """

    run = models.ForeignKey(ReportRun, on_delete=models.CASCADE, related_name="parts", verbose_name=_("report"))
    segment = models.CharField(_("segment"), max_length=8, choices=Segment.choices)
    since = models.DateField(_("from"))
    until = models.DateField(_("to"))
    state = models.CharField(_("state"), max_length=8, choices=RunState.choices, default=RunState.QUEUED)
    read_at = models.DateTimeField(_("inputs up to"), null=True, blank=True)
    input_hash = models.CharField(_("hash of the inputs"), max_length=64, blank=True)
    content = models.BinaryField(_("content"), default=bytes, blank=True)

    class Meta:
        verbose_name = _("part of a channel report")
        verbose_name_plural = _("parts of channel reports")
        constraints = [models.UniqueConstraint(fields=["run", "segment", "since"], name="analytics_report_part_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.segment} {self.since}"


class ReportNode(models.Model):
    """A channel, a way in it, a course or a creator under one model. The rows below one sum to it in every figure.

    `key` is the way down to it, such as `channel:3/source:google/campaign:8`; `parent` lacks its last
    step.
    """

    run = models.ForeignKey(ReportRun, on_delete=models.CASCADE, related_name="nodes", verbose_name=_("report"))
    segment = models.CharField(_("segment"), max_length=8, choices=Segment.choices)
    model = models.CharField(_("model"), max_length=16, choices=ReportModel.choices)
    key = models.TextField(_("key"))
    parent = models.TextField(_("key of the row above"), blank=True)
    depth = models.PositiveSmallIntegerField(_("depth"))
    has_rows = models.BooleanField(_("has rows below"), default=False)
    touches = models.PositiveBigIntegerField(_("touches"), default=0)
    spend_minor = models.BigIntegerField(_("spend in minor units"), default=0)
    orders_ppm = models.BigIntegerField(_("orders in ppm"), default=0)
    buyers_ppm = models.BigIntegerField(_("new buyers in ppm"), default=0)
    revenue_minor = models.BigIntegerField(_("revenue in minor units"), default=0)
    refunds_minor = models.BigIntegerField(_("refunds in minor units"), default=0)
    margin_minor = models.BigIntegerField(
        _("margin in minor units"),
        default=0,
        help_text=_("Revenue less tax, processor's fees and what parties earned; spend is not yet taken off."),
    )
    orders_low_ppm = models.BigIntegerField(_("orders in ppm, lower end"), default=0, db_default=0)
    orders_high_ppm = models.BigIntegerField(_("orders in ppm, upper end"), default=0, db_default=0)
    buyers_low_ppm = models.BigIntegerField(_("new buyers in ppm, lower end"), default=0)
    buyers_high_ppm = models.BigIntegerField(_("new buyers in ppm, upper end"), default=0)
    revenue_low_minor = models.BigIntegerField(_("revenue in minor units, lower end"), default=0)
    revenue_high_minor = models.BigIntegerField(_("revenue in minor units, upper end"), default=0)
    sign_ups_ppm = models.BigIntegerField(_("sign-ups in ppm"), default=0, db_default=0)
    sign_ups_low_ppm = models.BigIntegerField(_("sign-ups in ppm, lower end"), default=0, db_default=0)
    sign_ups_high_ppm = models.BigIntegerField(_("sign-ups in ppm, upper end"), default=0, db_default=0)

    class Meta:
        verbose_name = _("node of a channel report")
        verbose_name_plural = _("nodes of channel reports")
        constraints = [
            models.UniqueConstraint(fields=["run", "segment", "model", "key"], name="analytics_report_node_once")
        ]
        indexes = [models.Index(fields=["run", "segment", "depth"], name="analytics_node_depth")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.model} {self.key}"
