"""What a person says of themselves, and what they agree to."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.choices import ConsentPurpose


class YouForm(forms.Form):
    """Names and language; whoever acts for a party (`acts`) also says whether letters about it are mailed."""

    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=120, required=False)
    name_zh = forms.CharField(label=_("Name in Chinese"), max_length=120, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    letters_by_mail = forms.BooleanField(
        label=_("Send me what is written about my parties by e-mail too"), required=False
    )

    def __init__(self, *args: Any, acts: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not acts:  # who has no seat is written nothing
            del self.fields["letters_by_mail"]


class ConsentsForm(forms.Form):
    """One switch for each purpose, as `accounts.selectors.consents_now` says it stands."""

    analytics = forms.BooleanField(
        label=_("Join my visits to my account, so that channels are counted"), required=False
    )
    personalisation = forms.BooleanField(label=_("Suggest courses from what I viewed and learned"), required=False)
    mail = forms.BooleanField(label=_("News and suggestions by mail, at most once a week"), required=False)

    def said(self) -> dict[str, bool]:
        """Purpose to yes or no, of a valid form."""
        return {str(purpose): bool(self.cleaned_data[purpose]) for purpose in ConsentPurpose}
