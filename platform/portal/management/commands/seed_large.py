"""`manage.py seed_large`: a business of the size that the portal must bear."""

import argparse
import os
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.scope import all_rows
from courses.models import Order
from portal.demo.progress import Progress
from portal.large.build import build
from portal.large.world import Scale


class Command(BaseCommand):
    help = (
        "Fill an empty database with 5,000 partners, 1,000,000 settled orders and 10,000,000 touches, to measure.\n\n"
        "Example: PORTAL_DATA_DIR=/var/tmp/large manage.py seed_large --orders 100000"
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(*args, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--orders", type=int, default=1_000_000, help="how many; all else is in proportion")
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many write at once")

    def handle(self, *args: Any, **options: Any) -> None:
        orders, processes = options["orders"], options["processes"]
        if orders < 1 or processes < 1:
            raise CommandError("--orders and --processes begin at 1.")
        with all_rows():
            if Order.objects.exists():
                raise CommandError("this database has orders already; give an empty one, as with PORTAL_DATA_DIR=DIR")
        yesterday = datetime.combine(timezone.localdate() - timedelta(days=1), time(15), UTC)
        scale = scale_of(orders)
        self.stdout.write(f"Making {scale.partners:,} partners and {orders:,} orders up to {yesterday.date()}:")
        build(
            orders=orders,
            touches=10 * orders,
            scale=scale,
            last=yesterday,
            processes=processes,
            progress=Progress(self.stdout),
        )
        self.stdout.write("Done. manage.py verify_ledger proves the books.")


def scale_of(orders: int) -> Scale:
    """The whole's proportions for another number of orders."""
    whole, share = Scale(), min(1.0, orders / 1_000_000)
    return Scale(
        partners=max(20, round(whole.partners * share)),
        courses=max(10, round(whole.courses * share)),
        learners=max(1_000, round(whole.learners * share)),
    )
