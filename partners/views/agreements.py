"""Agreements: read them, accept a proposed version."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.rules import entrance
from partners.choices import VersionState
from partners.errors import AgreementError
from partners.models import AgreementVersion
from partners.selectors import agreements_of, version_before, version_changes
from partners.services import version_accept
from partners.views.frame import desk, frame


@require_safe
@entrance("creator")
def agreements(request: HttpRequest) -> HttpResponse:
    """All agreements that name the party, those that wait for it first; the newest version of each stands open."""
    at = desk(request)
    rows: dict[int, dict[str, Any]] = {}
    for version in agreements_of(party=at.party.pk, visible_to=at.user):
        row = rows.setdefault(version.agreement_id, {"agreement": version.agreement, "versions": [], "waiting": None})
        item = _version(version, at.party.pk)
        row["versions"].append(item)
        row["waiting"] = row["waiting"] or (item if item["waiting"] else None)
    listed = sorted(rows.values(), key=lambda row: row["waiting"] is None)
    for row in listed:
        (row["waiting"] or (row["versions"][0] if len(listed) == 1 else {}))["open"] = True
    return render(request, "partners/agreements.html", {**frame(request, at), "desk": at, "rows": listed})


def _version(version: AgreementVersion, party: int) -> dict[str, Any]:
    """A version with its text in the reader's language and, while it waits for the party, what it would change."""
    said = next((row for row in version.acceptances.all() if row.party_id == party), None)
    waiting = version.state == VersionState.PROPOSED and said is None
    return {
        "version": version,
        "dialog": f"accept-{version.pk}",
        "clauses": [line.partition(" ") for line in version.local_text.splitlines()],
        "said": said,
        "waiting": waiting,
        "changes": version_changes(version, version_before(version)) if waiting else [],
    }


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
