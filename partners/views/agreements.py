"""Agreements: read them, accept or decline a proposed version, ask to leave."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Party
from accounts.rules import entrance
from partners.choices import VersionKind, VersionState
from partners.errors import AgreementError
from partners.forms.consents import DeclineForm, LeaveForm
from partners.models import Agreement, AgreementVersion
from partners.selectors import agreements_of, own_correction, own_effects, rule_changes, version_before, version_changes
from partners.selectors.terms import rule_party_codes, signatories
from partners.services import leave_ask, version_accept, version_decline
from partners.views.frame import Desk, desk, frame


@require_safe
@entrance("creator")
def agreements(request: HttpRequest) -> HttpResponse:
    """All agreements that name the party, those that wait for it first; the newest version of each stands open."""
    at = desk(request)
    rows: dict[int, dict[str, Any]] = {}
    for version in agreements_of(party=at.party.pk, visible_to=at.user):
        row = rows.setdefault(version.agreement_id, {"agreement": version.agreement, "versions": [], "waiting": None})
        item = _version(version, at, request.GET)
        row["versions"].append(item)
        row["waiting"] = row["waiting"] or (item if item["waiting"] else None)
        row["leave"] = row.get("leave") or _leaving(version, at.party)
    listed = sorted(rows.values(), key=lambda row: row["waiting"] is None)
    for row in listed:
        (row["waiting"] or (row["versions"][0] if len(listed) == 1 else {}))["open"] = True
        row["gist"] = next(
            (_gist(item, at.party) for item in row["versions"] if item["version"].state == VersionState.IN_FORCE), ""
        )
        for item in row["versions"]:
            item["open"] = item.get("open") or item["asked"]
    return render(request, "partners/agreements.html", {**frame(request, at), "desk": at, "rows": listed})


def _version(version: AgreementVersion, at: Desk, query: Mapping[str, str]) -> dict[str, Any]:
    """A version with its text in the reader's language and, while it waits or where asked for, what it changes.

    `query`: the version to show open, and whether its changes are asked for, as an explained amount leads here.
    """
    party = at.party
    said = next((row for row in version.acceptances.all() if row.party_id == party.pk), None)
    waiting = version.state == VersionState.PROPOSED and said is None and party.code in signatories(version)
    asked = query.get("version") == str(version.pk)
    before = version_before(version) if waiting or (asked and query.get("changes")) else None
    return {
        "version": version,
        "dialog": f"accept-{version.pk}",
        "decline": f"decline-{version.pk}",
        "form": DeclineForm(prefix=f"d{version.pk}", form_id=f"decline-form-{version.pk}") if waiting else None,
        "clauses": version.lines,
        "said": said,
        "waiting": waiting,
        "asked": asked,
        "changes": version_changes(version, before),
        "rule_changes": rule_changes(version, before),
        "refused": getattr(version, "decline", None),
        "leaving": getattr(version, "leave", None),
        "effects": own_effects(version=version, party=party.pk, visible_to=at.user) if waiting else [],
        "corrected": own_correction(version=version, party=party) if waiting else [],
        "corrects": version.kind == VersionKind.CORRECTION,
        "names": [_("As booked"), _("As it would have been")],
    }


def _gist(item: dict[str, Any], party: Party) -> str:
    """The sentence that says what the party gets: of the first clause after the opening one that names it."""
    told = next((words for _number, words in item["clauses"][1:] if party.local_name in words), "")
    return re.split(r"(?<=。)|(?<=\.) ", told, maxsplit=1)[0]


def _leaving(version: AgreementVersion, party: Party) -> dict[str, Any] | None:
    """The form to leave by, where the party shares in a version in force that it does not own."""
    holds = version.state == VersionState.IN_FORCE and version.kind == VersionKind.STANDARD
    if not holds or version.agreement.owner_id == party.pk or party.code not in rule_party_codes(version.rule):
        return None
    pk = version.agreement_id
    return {"dialog": f"leave-{pk}", "form": LeaveForm(prefix=f"l{pk}", form_id=f"leave-form-{pk}")}


@require_POST
@entrance("creator")
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Say yes for the party to exactly the text that was shown."""
    at, version = _mine(request, pk)
    return _answered(
        request,
        at,
        lambda: version_accept(
            version=version, party=at.party, user=at.user, text_hash=request.POST.get("text_hash", "")
        ),
        _("Version %(number)d is accepted.") % {"number": version.number},
    )


@require_POST
@entrance("creator")
def decline(request: HttpRequest, pk: int) -> HttpResponse:
    """Say no for the party, with a reason that the other parties read."""
    at, version = _mine(request, pk)
    reason = request.POST.get(f"d{pk}-reason", "")
    return _answered(
        request,
        at,
        lambda: version_decline(version=version, party=at.party, user=at.user, reason=reason),
        _("Version %(number)d is declined.") % {"number": version.number},
    )


@require_POST
@entrance("creator")
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask to leave an agreement from the beginning of a day on."""
    at = desk(request)
    agreement = Agreement.objects.filter(pk=pk, parties__party=at.party).first()
    if agreement is None:
        raise Http404(_("There is no such agreement."))
    form = LeaveForm(request.POST, prefix=f"l{pk}", form_id="")
    if not form.is_valid():
        messages.error(request, _("Choose the day from which you leave."))
        return _back(at)
    start = timezone.make_aware(datetime.combine(form.cleaned_data["leaves_on"], time()))
    return _answered(
        request,
        at,
        lambda: leave_ask(agreement=agreement, party=at.party, user=at.user, leaves_at=start),
        _("The next version, without you, lies before the others."),
    )


def _mine(request: HttpRequest, pk: int) -> tuple[Desk, AgreementVersion]:
    at = desk(request)
    version = AgreementVersion.objects.filter(pk=pk, agreement__parties__party=at.party).first()
    if version is None:
        raise Http404(_("There is no such agreement."))
    return at, version


def _answered(request: HttpRequest, at: Desk, verb: Callable[[], Any], told: str) -> HttpResponse:
    """Take a step and say what came of it."""
    try:
        verb()
    except AgreementError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, told)
    return _back(at)


def _back(at: Desk) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('partners:agreements')}?party={at.party.code}")
