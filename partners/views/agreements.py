"""Agreements: read them, accept a proposed version."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.rules import entrance
from partners.choices import VersionState
from partners.errors import AgreementError
from partners.models import AgreementVersion
from partners.selectors import agreements_of
from partners.services import version_accept
from partners.views.frame import desk, frame


@require_safe
@entrance("creator")
def agreements(request: HttpRequest) -> HttpResponse:
    """All agreements that name the party, newest version first."""
    at = desk(request)
    chinese = (get_language() or "").startswith("zh")
    rows = []
    for version in agreements_of(party=at.party.pk, visible_to=at.user):
        text = version.text_zh if chinese else version.text
        rows.append(
            {
                "version": version,
                "dialog": f"accept-{version.pk}",
                "clauses": [line.partition(" ") for line in text.splitlines()],
                "waiting": version.state == VersionState.PROPOSED and not _accepted(version, at.party.pk),
            }
        )
    return render(request, "partners/agreements.html", {**frame(request, at), "desk": at, "rows": rows})


@require_POST
@entrance("creator")
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Say yes for the party to exactly the text that was shown."""
    at = desk(request)
    version = AgreementVersion.objects.filter(pk=pk, agreement__parties__party=at.party).first()
    if version is None:
        raise Http404(_("There is no such agreement."))
    try:
        version_accept(version=version, party=at.party, user=at.user, text_hash=request.POST.get("text_hash", ""))
    except AgreementError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Version %(number)d is accepted.") % {"number": version.number})
    return HttpResponseRedirect(f"{reverse('partners:agreements')}?party={at.party.code}")


def _accepted(version: AgreementVersion, party: int) -> bool:
    return any(said.party_id == party for said in version.acceptances.all())
