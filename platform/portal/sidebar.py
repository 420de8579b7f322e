"""The admin's sidebar: rooms of work instead of apps; a room shows only what its reader may see."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Room:
    """A group of the sidebar: its title, and models as (app label, model name, Material symbol)."""

    title: str | Promise
    models: tuple[tuple[str, str, str], ...]
    folded: bool = False


ROOMS = (
    Room(
        _("Partners"),
        (
            ("partners", "creator", "school"),
            ("partners", "partner", "handshake"),
            ("accounts", "party", "badge"),
            ("partners", "agreement", "contract"),
            ("partners", "agreementversion", "difference"),
            ("partners", "replay", "alt_route"),
            ("partners", "claim", "gavel"),
            ("partners", "trackinglink", "link"),
            ("partners", "coupon", "confirmation_number"),
        ),
    ),
    Room(
        _("Money"),
        (
            ("partners", "earningdecision", "payments"),
            ("partners", "statement", "request_quote"),
            ("ledger", "payoutrun", "payments"),
            ("ledger", "payouthold", "pause_circle"),
            ("accounts", "payoutdetails", "account_balance_wallet"),
            ("partners", "advance", "forward"),
            ("partners", "adjustment", "tune"),
            ("partners", "guarantee", "verified_user"),
            ("ledger", "closedperiod", "event_available"),
            ("ledger", "journalentry", "account_balance"),
            ("ledger", "posting", "receipt_long"),
            ("ledger", "account", "account_tree"),
            ("ledger", "balancesnapshot", "photo_camera"),
            ("ledger", "fxrate", "currency_exchange"),
            ("ledger", "verification", "fact_check"),
            ("ledger", "seal", "approval"),
            ("courses", "order", "shopping_cart"),
            ("courses", "payment", "credit_card"),
            ("courses", "refund", "undo"),
            ("courses", "dispute", "flag"),
        ),
    ),
    Room(
        _("Reach"),
        (
            ("partners", "channel", "hub"),
            ("analytics", "channelrule", "alt_route"),
            ("analytics", "campaign", "campaign"),
            ("analytics", "spend", "price_change"),
            ("analytics", "reportrun", "monitoring"),
            ("analytics", "holdouttest", "experiment"),
            ("recommender", "experiment", "science"),
            ("analytics", "conversion", "conversion_path"),
            ("analytics", "touchpoint", "touch_app"),
            ("analytics", "visitor", "person_search"),
        ),
    ),
    Room(
        _("Catalogue"),
        (
            ("courses", "course", "menu_book"),
            ("courses", "topic", "category"),
            ("courses", "enrolment", "school"),
            ("courses", "rating", "star"),
            ("courses", "behaviourevent", "footprint"),
            ("recommender", "trainingrun", "model_training"),
            ("recommender", "datasetsnapshot", "dataset"),
            ("recommender", "shadowreading", "compare_arrows"),
            ("recommender", "servedlist", "recommend"),
            ("recommender", "servingpolicy", "tune"),
            ("recommender", "dismissal", "thumb_down"),
            ("recommender", "taste", "interests"),
            ("recommender", "learningpath", "route"),
        ),
    ),
    Room(
        _("System"),
        (
            ("accounts", "user", "person"),
            ("accounts", "rolegrant", "shield_person"),
            ("accounts", "consent", "privacy_tip"),
            ("accounts", "auditentry", "history"),
            ("accounts", "importbatch", "upload_file"),
            ("events", "outboxevent", "outbox"),
            ("events", "delivery", "local_shipping"),
        ),
        folded=True,
    ),
)


def room_of(app: str, name: str | None) -> str | Promise:
    """The title of the room in which a model stands; empty where it stands in none."""
    return next((room.title for room in ROOMS for kept in room.models if kept[:2] == (app, name)), "")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return Unfold's navigation for the reader: registered models that they may view, by room."""
    registered = {(model._meta.app_label, model._meta.model_name): model for model in admin.site._registry}
    home = reverse("admin:index")  # not each list by its name: that took longer than all the rest here
    groups: list[dict[str, Any]] = [{"title": "", "items": [{"title": _("Today"), "icon": "home", "link": home}]}]
    for room in ROOMS:
        items = []
        for app, name, icon in room.models:
            model = registered.get((app, name))
            if model is None or not admin.site._registry[model].has_view_permission(request):
                continue
            title = str(model._meta.verbose_name_plural)
            items.append({"title": title[:1].upper() + title[1:], "icon": icon, "link": f"{home}{app}/{name}/"})
        if items:
            groups.append({"title": room.title, "items": items, "collapsible": room.folded})
    return groups
