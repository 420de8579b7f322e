"""What the reader was written about a party: the same letters that were mailed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from events.selectors import letters_of
from events.services import letters_read
from partners.views.frame import desk, frame

SHOWN = 100


@require_safe
@entrance("creator")
def letters(request: HttpRequest) -> HttpResponse:
    """The last letters, the newest first. Who opens the page has read them: they are marked as new this once."""
    at = desk(request)
    found = list(letters_of(party=at.party.pk, visible_to=at.user)[:SHOWN])
    if request.method == "GET" and any(letter.read_at is None for letter in found):
        letters_read(user=at.user, party=at.party, upto=found[0].pk)
    return render(request, "partners/messages.html", {**frame(request, at), "desk": at, "letters": found})
