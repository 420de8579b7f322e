"""What a person says of themselves, and what they agree to."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.choices import ConsentPurpose


class YouForm(forms.Form):
    """Names and language."""

    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=120, required=False)
    name_zh = forms.CharField(label=_("Name in Chinese"), max_length=120, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class ConsentsForm(forms.Form):
    """One switch for each purpose; off until said otherwise."""

    analytics = forms.BooleanField(
        label=_("Join my visits to my account, so that channels are counted"), required=False
    )
    personalisation = forms.BooleanField(label=_("Suggest courses from what I viewed and learned"), required=False)
    mail = forms.BooleanField(label=_("News by mail, at most twice a month"), required=False)

    def said(self) -> dict[str, bool]:
        """Purpose to yes or no, of a valid form."""
        return {str(purpose): bool(self.cleaned_data[purpose]) for purpose in ConsentPurpose}
