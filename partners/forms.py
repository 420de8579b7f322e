"""Forms of the creator's pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Party
from partners.models import Channel


class LinkForm(forms.Form):
    """A new tracking link in one of the party's channels."""

    channel = forms.ModelChoiceField(label=_("Channel"), queryset=Channel.objects.none(), empty_label=None)
    destination = forms.CharField(
        label=_("Leads to"), max_length=300, initial="/courses/", help_text=_("A page of this site, such as /courses/.")
    )
    campaign = forms.CharField(label=_("Campaign"), max_length=120, required=False)

    def __init__(self, *args: Any, party: Party, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["channel"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = channels_for(party)


def channels_for(party: Party) -> Any:
    """Channels in which a party may have links: its own, and those in which the programme gave it one."""
    own = Channel.objects.filter(is_active=True, owner=party)
    given = Channel.objects.filter(is_active=True, owner=None, links__owner=party)
    return (own | given).distinct().order_by("name")
