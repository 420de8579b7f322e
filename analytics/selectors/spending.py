"""What campaigns cost."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from accounts.choices import BatchState
from accounts.rules import Reader, is_staff
from analytics.models import Campaign, Spend


@dataclass(frozen=True)
class CampaignLine:
    """What one campaign cost and showed in a range of days, in the currency it was billed in."""

    campaign: Campaign
    currency: str
    spend_minor: int
    impressions: int
    clicks: int

    @property
    def click_minor(self) -> int | None:
        """Cost of a click in minor units, rounded half up; None without a click."""
        return (2 * self.spend_minor + self.clicks) // (2 * self.clicks) if self.clicks else None


def campaign_lines(*, since: date, until: date, channel: str = "", visible_to: Reader | None) -> list[CampaignLine]:
    """Campaigns that cost something in [since, until], dearest first within a currency; withdrawn imports left out."""
    if visible_to is not None and not is_staff(visible_to):
        return []
    rows = Spend.objects.filter(day__range=(since, until)).exclude(import_batch__state=BatchState.REVERSED)
    if channel:
        rows = rows.filter(campaign__channel__code=channel)
    sums = list(
        rows.values("campaign_id", "currency")
        .annotate(spend=Sum("amount_minor"), shown=Sum("impressions"), clicked=Sum("clicks"))
        .order_by("currency", "-spend", "campaign_id")
    )
    campaigns = Campaign.objects.select_related("channel").in_bulk({row["campaign_id"] for row in sums})
    return [
        CampaignLine(campaigns[row["campaign_id"]], row["currency"], row["spend"], row["shown"], row["clicked"])
        for row in sums
    ]
