"""What trainings read, and how models in the shadow compare, to read."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import EMPTY, ReadingDesk, figure, table
from courses.choices import EventKind
from recommender.choices import DataFinding, LeftOut
from recommender.models import DatasetSnapshot, ShadowReading


@admin.register(DatasetSnapshot)
class DatasetSnapshotAdmin(ReadingDesk):
    """What trainings read."""

    empty_words = _("Each training keeps here what it read: how many acts, what was left out, and the hash.")
    list_display = ("taken_at", "rows", "people", "courses", "acts", "display_hash")
    search_fields = ("=sha256",)
    ordering = ("-taken_at", "-pk")
    fields = (
        ("taken_at", "display_rows", "display_acts"),
        ("sha256", "file"),
        "display_left_out",
        "display_findings",
        "display_weights",
    )
    readonly_fields = ("display_rows", "display_acts", "display_left_out", "display_findings", "display_weights")

    @display(description=_("hash of the data"))
    def display_hash(self, obj: DatasetSnapshot) -> str:
        """Enough of it to tell two apart."""
        return f"{obj.sha256[:12]}…"

    @display(description=_("rows"))
    def display_rows(self, obj: DatasetSnapshot) -> str:
        """Rows, of how many people and courses."""
        return gettext("%(rows)s of %(people)s people and %(courses)s courses") % {
            "rows": f"{obj.rows:,}",
            "people": f"{obj.people:,}",
            "courses": f"{obj.courses:,}",
        }

    @display(description=_("acts read"))
    def display_acts(self, obj: DatasetSnapshot) -> str:
        """All acts, before any was left out."""
        return f"{obj.acts:,}"

    @display(description=_("acts left out"))
    def display_left_out(self, obj: DatasetSnapshot) -> SafeString:
        """By the first rule that fits."""
        names = dict(LeftOut.choices)
        rows = [[names.get(why, why), f"{count:,}"] for why, count in obj.left_out.items()]
        return table([gettext("why"), gettext("acts")], rows) if rows else EMPTY

    @display(description=_("findings"))
    def display_findings(self, obj: DatasetSnapshot) -> SafeString:
        """What the data checks found, and whether it stops a training."""
        names = dict(DataFinding.choices)
        rows = [
            [
                names.get(found["code"], found["code"]),
                f"{found['count']:,}",
                gettext("stops the training") if found["fatal"] and found["count"] else gettext("told only"),
            ]
            for found in obj.findings
        ]
        return table([gettext("finding"), gettext("rows"), gettext("what follows")], rows) if rows else EMPTY

    @display(description=_("weights"))
    def display_weights(self, obj: DatasetSnapshot) -> SafeString:
        """What each kind of act counts."""
        names = dict(EventKind.choices)
        rows = [[names.get(kind, kind), f"{weight:g}"] for kind, weight in obj.weights.items()]
        return table([gettext("act"), gettext("weight")], rows) if rows else EMPTY


@admin.register(ShadowReading)
class ShadowReadingAdmin(ReadingDesk):
    """Models in the shadow beside the one that serves."""

    empty_words = _("A model in the shadow is compared with the one that serves every night.")
    list_display = ("read_at", "run", "live", "people", "display_overlap", "hits", "live_hits")
    list_select_related = ("run", "live")
    ordering = ("-read_at", "-pk")
    fields = (("read_at", "run", "live"), ("people", "display_overlap"), ("hits", "live_hits"))
    readonly_fields = ("display_overlap",)

    @display(description=_("of the ten best, the same"), ordering="overlap_bp")
    def display_overlap(self, obj: ShadowReading) -> SafeString:
        """The mean share of the ten best that both models name."""
        return figure(f"{obj.overlap_bp / 100:.1f}%")
