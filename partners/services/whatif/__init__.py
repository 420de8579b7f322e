"""What if other terms had held: history computed once more by the same engine. No money is written here."""

from partners.services.whatif.ask import (
    history_of,
    replay_again,
    replay_cancel,
    replay_of_version,
    replay_request,
    replay_run,
)
from partners.services.whatif.changes import Change, change_of, changes_read
from partners.services.whatif.journeys import Journeys
from partners.services.whatif.keep import outcome_of
from partners.services.whatif.plan import Plan, live, plan_of
from partners.services.whatif.run import compute
from partners.services.whatif.tally import Tally

__all__ = [
    "Change",
    "Journeys",
    "Plan",
    "Tally",
    "change_of",
    "changes_read",
    "compute",
    "history_of",
    "live",
    "outcome_of",
    "plan_of",
    "replay_again",
    "replay_cancel",
    "replay_of_version",
    "replay_request",
    "replay_run",
]
