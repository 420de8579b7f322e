"""A web of tracking links that gunicorn serves over a test's database, and browsers that follow them."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.db import connections

from analytics.models import Touchpoint
from tests.faults.talker import ROOT

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


@contextmanager
def web(workers: int = 2) -> Iterator[tuple[int, int]]:
    """Gunicorn as `make run` starts it, over the database that the connections point at: its port and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    row = connections["default"]
    row.ensure_connection()
    told = row.settings_dict
    place = f"host={told['HOST']}&port={told['PORT'] or 5432}"
    url = f"postgresql://{told['USER']}:{told['PASSWORD']}@/{told['NAME']}?{place}"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PORTAL_LOG_LEVEL": "ERROR",
           "DATABASE_URL": url, "PORTAL_SECRET_KEY": "of this test", "PORTAL_PORT": str(port)}  # fmt: skip
    env["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'platform'}"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:portal.server", "portal.wsgi", "--workers", str(workers)]
    server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def workers_of(master: int) -> list[int]:
    """The processes that a master has now."""
    return [int(child) for child in Path(f"/proc/{master}/task/{master}/children").read_text("ascii").split()]


def follow(port: int, clicks: Sequence[tuple[str, UUID, str]]) -> dict[str, float]:
    """Follow links one after the other as (code, browser, mark); the seconds of each that was answered by a redirect.

    What a dying worker left unanswered is left so, as a visitor who sees an error would.
    """
    answered: dict[str, float] = {}
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for code, browser, mark in clicks:
        begin = time.monotonic()
        try:
            link.request("GET", f"/go/{code}?sub1={mark}", headers={"User-Agent": AGENT, "Cookie": f"tv={browser}"})
            answer = link.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            link.close()
            continue
        if answer.status == http.HTTPStatus.FOUND:
            answered[mark] = time.monotonic() - begin
    link.close()
    return answered


def kept() -> list[tuple[str, int, str]]:
    """(mark, browser and link as a number, flag) of every click in the database."""
    rows = Touchpoint.objects.order_by("occurred_at", "pk").values_list("sub_ids", "visitor_id", "link_id", "flag")
    return [(marks["sub1"], visitor * 1_000_000 + (link or 0), flag) for marks, visitor, link, flag in rows]
