"""The installation's rules for arrivals, and a place to try them."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import action, display

from accounts.admin.base import Desk, clerk
from analytics import services
from analytics.errors import RuleRefusedError
from analytics.forms import ArrivalForm, ChannelRuleForm
from analytics.models import ChannelRule
from partners.choices import ChannelKind


@admin.register(ChannelRule)
class ChannelRuleAdmin(Desk):
    """Rules that name the channel of live arrivals, before the built-in ones."""

    form = ChannelRuleForm
    empty_words = _(
        "A rule names the channel of a visit by its tags, its click id or its referrer; the first that fits decides."
    )
    list_display = ("display_marks", "channel", "position", "is_active")
    list_filter = (("channel", RelatedDropdownFilter), "is_active")
    list_select_related = ("channel",)
    search_fields = ("click_id", "utm_source", "utm_medium", "referrer", "channel__name", "channel__name_zh")
    ordering = ("position", "pk")
    autocomplete_fields = ("channel",)
    fields = (("channel", "position"), ("utm_source", "utm_medium"), ("click_id", "referrer"), "is_active")
    actions_list: ClassVar[list[str]] = ["try_out"]

    def get_urls(self) -> list[URLPattern]:
        """The answer to the check, asked for while somebody types."""
        own = path("answer/", self.admin_site.admin_view(self.answer_view), name="analytics_channelrule_answer")
        return [own, *super().get_urls()]

    @display(description=_("marks"), ordering="utm_source")
    def display_marks(self, obj: ChannelRule) -> str:
        """What an arrival must bear."""
        return obj.marks

    @action(description=_("Which channel would this be?"), url_path="try", icon="troubleshoot")
    def try_out(self, request: HttpRequest) -> HttpResponse:
        """Try the rules on an arrival."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Which channel would this be?"),
            **_tried(request),
        }
        return TemplateResponse(request, "admin/analytics/check.html", context)

    def answer_view(self, request: HttpRequest) -> HttpResponse:
        """The answer alone."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return TemplateResponse(request, "admin/analytics/answer.html", _tried(request))

    def save_model(self, request: HttpRequest, obj: ChannelRule, form: Any, change: bool) -> None:
        """Write by the verb."""
        del form, change
        try:
            services.channel_rule_write(rule=obj, by=clerk(request))
        except RuleRefusedError as refusal:
            messages.error(request, str(refusal))

    def delete_model(self, request: HttpRequest, obj: ChannelRule) -> None:
        """Take away by the verb."""
        services.channel_rule_delete(rule=obj, by=clerk(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Take away by the verb."""
        for rule in queryset:
            services.channel_rule_delete(rule=rule, by=clerk(request))

    def log_addition(self, request: HttpRequest, obj: ChannelRule, message: Any) -> Any:
        """Nothing was added when the verb refused."""
        return super().log_addition(request, obj, message) if obj.pk else None

    def response_add(
        self, request: HttpRequest, obj: ChannelRule, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Back to the list; the reason is shown there when the verb refused."""
        if obj.pk:
            return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]
        return HttpResponseRedirect(reverse("admin:analytics_channelrule_changelist"))


def _tried(request: HttpRequest) -> dict[str, Any]:
    form = ArrivalForm(request.GET or None)
    context: dict[str, Any] = {"form": form if form.is_bound else ArrivalForm()}
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        found = services.arrival_explained(landing=values["landing"], referrer=values["referrer"])
        rule = found.arrival.rule
        context["found"] = found
        context["name"] = found.channel.local_name if found.channel else ChannelKind(found.kind).label
        context["rule"] = ChannelRule.objects.filter(pk=rule.number).first() if rule and rule.number else None
    return context
