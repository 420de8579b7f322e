"""Forms of claims: what a party files and appeals with, what the house answers with."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Party
from partners.choices import CLAIM_ACCEPTS, ClaimReason
from partners.models import TrackingLink


class LinkField(forms.ModelChoiceField):  # type: ignore[type-arg]  # subscripted only in the stubs
    """A party's own link, by its address and channel."""

    def label_from_instance(self, obj: Any) -> str:
        """As people know it."""
        return f"/go/{obj.code} · {obj.channel.local_name}"


class ClaimForm(forms.Form):
    """A sale that a party misses."""

    order_code = forms.CharField(
        label=_("Order"), max_length=32, help_text=_("Its code, as the learner finds it in the receipt.")
    )
    order_day = forms.DateField(
        label=_("Day of the order"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    link = LinkField(
        label=_("Your link"),
        queryset=TrackingLink.objects.none(),
        required=False,
        empty_label=_("By a coupon, or I do not know"),
    )
    note = forms.CharField(
        label=_("What you know"),
        max_length=1_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("How the learner came, and what shows it. The partner team reads it."),
    )

    def __init__(self, *args: Any, party: Party, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["link"]
        assert isinstance(field, LinkField)
        field.queryset = TrackingLink.objects.filter(owner=party).select_related("channel").order_by("-pk")
        self.fields["order_day"].widget.attrs["max"] = timezone.localdate().isoformat()


class AppealForm(forms.Form):
    """What the first decision overlooked."""

    note = forms.CharField(label=_("What was overlooked"), max_length=1_000, widget=forms.Textarea(attrs={"rows": 4}))


class AnswerForm(forms.Form):
    """The house's words to the party, and why where it refuses."""

    reason = forms.ChoiceField(
        label=_("Reason for refusing"),
        choices=[("", "–"), *((code, label) for code, label in ClaimReason.choices if code not in CLAIM_ACCEPTS)],
        required=False,
    )
    answer = forms.CharField(
        label=_("Answer to the partner"), max_length=1_000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, refuses: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = self.fields["answer"].required = refuses
