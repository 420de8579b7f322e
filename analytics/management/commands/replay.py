"""`manage.py replay`: history once more, under other terms."""

import csv
import io
import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.management.output import check_target, write_whole
from accounts.scope import all_rows
from analytics.services import Evidence
from ledger.splits.preview import PreviewError, parse_document
from partners.errors import ReplayRefusedError
from partners.selectors import Cell, replay_csv
from partners.services.whatif import Plan, Tally, changes_read, compute, history_of, live, outcome_of, plan_of

MOST_PROCESSES = 64


class Command(BaseCommand):
    help = """What other terms would have made of the orders placed on the days from D to D (both inclusive, in the
portal's time zone): every stored sale and all that happened to its order since, computed once more by the same engine.
Nothing is booked or stored. FILE is JSON:

  {"agreements": ["python-basics"], "rule": {"steps": [...]}, "clauses": {"hold_days": 14, "paying_model": "linear"}}

`agreements` is a list of codes or "all"; `rule` (another split), `percents` ({"platform:revenue": 2500}: of every
percent step that pays this account) and `clauses` (hold_days, paying_model, window_days, half_life_days,
position_weights, precedence, self_purchase, meter, caps) may be left out and then stay as they were. {"changes": [...]}
asks several at once. A rule as an agreement keeps it will do as well: its `id` is the agreement's code.

Prints JSON: per currency [as booked, as it would have been] in minor units for parties, platform, months and accounts.
`difference` is 0 where no party's sum of one course in one month and no account differs by one unit: so it is with
--live.

Example:
  manage.py replay --agreement draft.json --from 2026-01-01 --to 2026-06-30 --csv effect.csv
  manage.py replay --agreement draft.json --from 2026-01-01 --to 2026-06-30 --live"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--agreement", required=True, metavar="FILE", type=Path, help="the changed terms, JSON")
        parser.add_argument("--from", required=True, metavar="D", dest="since", help="first day, such as 2026-01-01")
        parser.add_argument("--to", required=True, metavar="D", dest="until", help="last day")
        parser.add_argument("--live", action="store_true", help="the same agreements under the terms that they had")
        parser.add_argument(
            "--csv", metavar="OUT.csv", type=Path, help="also write a row for each party, course, month"
        )
        parser.add_argument("--processes", default="2", metavar="N", help="processes that compute (2)")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = self._day("--from", options["since"]), self._day("--to", options["until"])
        processes = options["processes"]
        if not (processes.isascii() and processes.isdigit() and 1 <= int(processes) <= MOST_PROCESSES):
            raise CommandError(f"--processes must be a whole number from 1 to {MOST_PROCESSES}, not '{processes}'")
        if options["csv"] is not None:
            check_target(options["csv"])
        try:
            with all_rows():
                plan = plan_of(changes_read(self._json(options["agreement"])))
            plan = live(plan) if options["live"] else plan
            history = history_of(since, until, about=plan.about)
            tally = compute(
                plan=plan, history=history, journeys=Evidence().journeys, processes=int(processes), beat=self._beat()
            )
        except ReplayRefusedError as error:
            raise CommandError(str(error)) from None
        self._tell(plan, tally, since, until, options["csv"])

    def _tell(self, plan: Plan, tally: Tally, since: date, until: date, out: Path | None) -> None:
        told = outcome_of(tally)
        for currency, sums in told["currencies"].items():
            sums["days"] = {day: pair for day, pair in sums["days"].items() if pair[0] != pair[1]}
            sums["parties_by_code"] = {
                code: pair for (code, cur), pair in sorted(tally.parties.items()) if cur == currency
            }
        told = {
            "from": since.isoformat(),
            "to": until.isoformat(),
            "agreements": "all" if plan.everything else sorted(row.code for row in plan.covered.values()),
            "difference": {currency: _apart(tally, currency) for currency in told["currencies"]},
            **told,
        }
        if out is not None:
            with all_rows():
                rows = list(replay_csv(_cells(tally)))
            text = io.StringIO()
            csv.writer(text).writerows(rows)
            write_whole(out, ("\ufeff" + text.getvalue()).encode())
        self.stdout.write(json.dumps(told, ensure_ascii=False, indent=1))
        if tally.disagrees:
            account, currency = next(iter(tally.disagrees))
            raise CommandError(
                f"the books and their replay disagree on {account} by {tally.disagrees[account, currency]} {currency}"
                " minor units; manage.py verify_ledger names the entry"
            )

    def _day(self, name: str, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise CommandError(f"{name} must be a day such as {timezone.localdate()}, not '{text}'") from None

    def _json(self, path: Path) -> Any:
        try:
            return parse_document(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise CommandError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{path}: is not UTF-8 text") from None
        except PreviewError as error:
            raise CommandError(f"{path}: {error}") from None

    def _beat(self) -> Any:
        """Progress on a terminal; elsewhere nothing."""

        def beat(done: int, total: int) -> bool:
            if self.stderr.isatty():
                self.stderr.write(f"\r{done:,} of {total:,} orders", ending="\n" if done == total else "")
            return True

        return beat


def _cells(tally: Tally) -> Iterator[Cell]:
    for (code, item, month, currency), (was, new) in sorted(tally.cells.items()):
        yield code, *item, date.fromordinal(month), currency, was, new


def _apart(tally: Tally, currency: str) -> int:
    """How far both sides are apart, summed without regard to sign over cells and accounts of the house."""
    sums = [pair for (*_key, cur), pair in (*tally.cells.items(), *tally.house.items()) if cur == currency]
    return sum(abs(new - was) for was, new in sums)
