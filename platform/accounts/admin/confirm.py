"""A step that is asked about first, on a page of its own: what it does, to how much, and the way back."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise

Text = str | Promise
Facts = list[tuple[Text, Any]]
"""What a step concerns, as pairs of a word and a value."""


def confirmed(
    *,
    title: Text,
    does: Text,
    back: Text,
    act: Text,
    form_class: type[forms.Form] = forms.Form,
    facts: Callable[[Any], Facts] | None = None,
    destructive: bool = True,
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Ask before a desk's verb runs: the page says what it `does` to the thing, its `facts`, the way `back`, and has a
    button `act`. The verb gets the accepted form and the thing.
    """

    def wrap(verb: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(verb)
        def page(desk: Any, request: HttpRequest, object_id: str) -> HttpResponse:
            row = desk.get_object(request, str(object_id))
            if row is None:
                raise Http404
            form = form_class(request.POST if request.POST.get("step") == "confirm" else None)
            if form.is_valid():
                return verb(desk, request, form, row)
            context = {
                **admin.site.each_context(request),
                "title": title,
                "opts": desk.opts,
                "original": row,
                "asked": {"does": does, "back": back, "act": act, "destructive": destructive},
                "facts": facts(row) if facts else [],
                "form": form,
            }
            return TemplateResponse(request, "admin/confirm.html", context)

        return page

    return wrap
