"""The database is migrated under the release before, which goes on selling, and is not disturbed (F25)."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.talker import ROOT, talking

pytestmark = pytest.mark.long
STEPS_BACK = 5
"""How many commits that added a migration the release before lies back."""

SELLER = """
import itertools, sys
from datetime import timedelta
import django
from unittest import mock
django.setup()
from django.core.management import call_command
from django.db.migrations.state import ProjectState
from django.utils import timezone
from accounts.scope import all_rows
from courses.services import NewRefund, order_refund
from events.models import Delivery
from events.services import relay_all
from tests.databases import _find_one
from tests.factories.courses import course, learner
from tests.factories.orders import paid
from tests.partners import desk

with mock.patch.object(ProjectState, "_find_reload_model", _find_one):
    call_command("migrate", verbosity=0, interactive=False)
with all_rows():
    maker = desk.party("maker")
    made = course(creators=[maker], price_minor=10_000)
    steps = [desk.percent("platform:revenue", 3000), desk.split(("party:maker", 1))]
    desk.agreement(scope_id=str(made.pk), steps=steps, parties=[maker])
for number in itertools.count():
    with all_rows():
        order = paid(made, buyer=learner(), at=timezone.now(), code=f"U{number}")
    relay_all()
    with all_rows():
        order_refund(order_id=order.pk, refund=NewRefund(amount_minor=1_000, reason="x"), at=timezone.now())
    relay_all()
    with all_rows():
        assert not Delivery.objects.filter(state="parked").exists(), list(Delivery.objects.values_list("reason"))
    print("sold", number, flush=True)
"""
JUDGE = """
import django
django.setup()
from accounts.scope import all_rows
from ledger.models import JournalEntry
from tests.ledger import stage
with all_rows():
    found = stage.violations()
    print(JournalEntry.objects.filter(kind="sale").count(), found)
"""


@pytest.fixture
def before() -> Iterator[Path]:
    """The release before, as git has it."""
    marks = ["git", "log", "--diff-filter=A", f"-{STEPS_BACK}", "--format=%H", "--", "*/migrations/0*.py"]
    found = subprocess.run(marks, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    archive = ["git", "archive", f"{found[-1] if found else 'none'}^"]
    packed = subprocess.run(archive, cwd=ROOT, capture_output=True, check=False)
    if len(found) < STEPS_BACK or packed.returncode:
        pytest.skip("the release before is not in this copy of the repository")
    place = Path(tempfile.mkdtemp(prefix="before-", dir="/tmp"))
    place.chmod(0o755)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as file:
        file.extractall(place, filter="data")
    yield place
    for _attempt in range(300):  # its servers leave after their last user
        if not any(place.glob("data/*/postgres/postmaster.pid")):
            break
        time.sleep(0.1)
    shutil.rmtree(place)


def now(*command: str, data: Path) -> str:
    """Run this release on the same data; what it says."""
    paths = f"{ROOT}{os.pathsep}{ROOT / 'platform'}"
    env = {**os.environ, "PYTHONPATH": paths, "PORTAL_DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_release_before_sells_on_while_the_database_is_migrated_and_after(before: Path) -> None:
    data = before / "data" / "tests"  # where everything that imports the tests has its servers
    with talking("-c", SELLER, at=before, PORTAL_DATA_DIR=str(data)) as seller:
        seller.hear_after(time.monotonic(), 300, "sold 5")
        began = time.monotonic()
        assert 0 < now("manage.py", "migrate", data=data).count("Applying") < 30
        during = seller.hear(0)
        _, after = seller.hear_after(time.monotonic() + 3, 60, "sold")
        assert seller.process.poll() is None, "an order failed"
        sold, found = now("-c", JUDGE, data=data).split(" ", 1)
    assert during, f"nothing was sold in {time.monotonic() - began:.0f} s of migrating"
    assert after
    assert int(sold) >= len(during) + len(after) + 5
    assert found.strip() == "{}"
