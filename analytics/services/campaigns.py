"""Records campaigns and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from analytics.models import Campaign, Spend


@dataclass(frozen=True)
class NewCampaign:
    """A campaign by the id that its advertising network gave it."""

    source: str
    external_id: str
    name: str
    channel_id: int
    import_batch_id: int | None = None
    name_zh: str = ""


@dataclass(frozen=True)
class NewSpend:
    """What a campaign cost on one day, in minor units of `currency`."""

    campaign_id: int
    day: date
    amount_minor: int
    currency: str
    impressions: int = 0
    clicks: int = 0
    import_batch_id: int | None = None


@transaction.atomic
def campaigns_record(*, campaigns: Sequence[NewCampaign]) -> dict[tuple[str, str], int]:
    """Store campaigns that are not known yet; return primary keys by (source, external id)."""
    Campaign.objects.bulk_create(
        [
            Campaign(
                source=campaign.source,
                external_id=campaign.external_id,
                name=campaign.name,
                name_zh=campaign.name_zh,
                channel_id=campaign.channel_id,
                import_batch_id=campaign.import_batch_id,
            )
            for campaign in campaigns
        ],
        ignore_conflicts=True,
    )
    sources = {campaign.source for campaign in campaigns}
    known = Campaign.objects.filter(source__in=sources).values_list("source", "external_id", "pk")
    return {(source, external_id): pk for source, external_id, pk in known}


@transaction.atomic
def spend_record(*, spend: Sequence[NewSpend]) -> None:
    """Store spend, one row for a campaign, day, currency and import; what is there already stays as it is."""
    Spend.objects.bulk_create(
        [
            Spend(
                campaign_id=item.campaign_id,
                day=item.day,
                amount_minor=item.amount_minor,
                currency=item.currency,
                impressions=item.impressions,
                clicks=item.clicks,
                import_batch_id=item.import_batch_id,
            )
            for item in spend
        ],
        batch_size=5_000,
        ignore_conflicts=True,
    )


@transaction.atomic
def campaign_change(*, campaign_id: int, name: str, name_zh: str, channel_id: int) -> None:
    """Rename a campaign or move it to another channel; reports computed from now on follow."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    campaign.name, campaign.name_zh, campaign.channel_id = name, name_zh, channel_id
    campaign.save(update_fields=["name", "name_zh", "channel"])


@transaction.atomic
def spend_correct(*, spend_id: int, amount_minor: int, impressions: int, clicks: int) -> None:
    """Correct what was entered by hand; an imported row is corrected in its source and imported anew."""
    row = Spend.objects.select_for_update(of=("self",)).get(pk=spend_id, import_batch=None)
    row.amount_minor, row.impressions, row.clicks = amount_minor, impressions, clicks
    row.save(update_fields=["amount_minor", "impressions", "clicks"])
