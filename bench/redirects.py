"""Tracking links under load: `make bench ARGS=redirects`.

One gunicorn as `make run` starts it (`WORKERS=2`, four threads each), over the embedded PostgreSQL with its commits on
disk. JSON lines: requests a second, in turns, of a view that answers a redirect and does nothing else, and of
`/go/CODE` (sixteen connections, `SECONDS=8` a turn, three turns each), with their quotient, target 0.6; then how long
answers take at 500 a second, whose clock starts when a request was due and not when it was sent, target p99 under
25 ms; then how many answered clicks are no row, target 0. The load comes from this process; its share of a core is
told.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import connections
from django.utils import timezone

from accounts.scope import all_rows
from analytics.services import partitions_ensure
from bench.settlement import durable
from partners.choices import ChannelKind
from partners.services import NewLink, channel_create, links_create
from tests import databases

WORKERS, SECONDS, RATE = (int(os.environ.get(*pair)) for pair in (("WORKERS", "2"), ("SECONDS", "8"), ("RATE", "500")))
CONNECTIONS, PORT = 16, 8_700 + os.getpid() % 200
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


def served() -> Any:
    """The portal as gunicorn serves it, with the bare view beside it, over the database that BENCH_DATABASE names."""
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
    from django.urls import path

    from portal import urls

    def bare(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
        return HttpResponseRedirect("/courses/")

    bare.needs_no_database = True  # type: ignore[attr-defined]
    urls.urlpatterns.insert(0, path("bare/", bare))
    databases.point_at(dict.fromkeys(databases.ALIASES, os.environ["BENCH_DATABASE"]))
    return get_wsgi_application()


class Connection(asyncio.Protocol):
    """One kept-alive connection: a request goes out, its answer is counted, `then` says what follows."""

    def __init__(self, then: Callable[["Connection", bytes], None]) -> None:
        self.then, self.heard, self.gone = then, b"", False

    def connection_made(self, transport: Any) -> None:
        """Keep the way out."""
        self.way = transport

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The server hangs up on who is idle."""
        self.gone = True

    def data_received(self, data: bytes) -> None:
        """Redirects have no body: an answer ends with its head."""
        self.heard += data
        if self.heard.endswith(b"\r\n\r\n"):
            answer, self.heard = self.heard, b""
            self.then(self, answer)


def request(path: str, browser: str = "") -> bytes:
    """One browser's request, with its cookie where it has one."""
    cookie = f"Cookie: tv={browser}\r\n" if browser else ""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost:{PORT}\r\nUser-Agent: {AGENT}\r\nAccept: text/html\r\n"
    return f"{head}Accept-Language: en\r\nSec-Fetch-Dest: document\r\n{cookie}\r\n".encode()


async def closed_loop(path: str, seconds: float) -> tuple[int, int]:
    """Connections that ask again as soon as they are answered; answers, and those that were redirects."""
    until, counts = time.perf_counter() + seconds, [0, 0]
    done: list[asyncio.Future[None]] = []

    def again(link: Connection, answer: bytes) -> None:
        counts[0] += 1
        counts[1] += answer.startswith(b"HTTP/1.1 302")
        if time.perf_counter() < until:
            link.way.write(request(path, str(uuid4())))
        elif not link.ended.done():
            link.ended.set_result(None)
            link.way.close()

    loop = asyncio.get_running_loop()
    for _number in range(CONNECTIONS):
        _way, link = await loop.create_connection(lambda: Connection(again), "127.0.0.1", PORT)
        link.ended = loop.create_future()
        done.append(link.ended)
        link.way.write(request(path, str(uuid4())))
    await asyncio.gather(*done)
    return counts[0], counts[1]


async def open_loop(path: str, rate: int, seconds: float) -> tuple[list[float], int]:
    """Requests that are due at even distances, each on a free connection; what each took from when it was due."""
    loop, took, refused = asyncio.get_running_loop(), [], [0]
    idle: list[Connection] = []
    total, due = int(rate * seconds), {}
    finished = loop.create_future()
    waiting: list[float] = []

    def told(link: Connection, answer: bytes) -> None:
        took.append(time.perf_counter() - due.pop(link))
        refused[0] += not answer.startswith(b"HTTP/1.1 302")
        if waiting:
            send(link, waiting.pop(0))
        else:
            idle.insert(0, link)
        if len(took) == total and not finished.done():
            finished.set_result(None)

    def send(link: Connection, at: float) -> None:
        due[link] = at
        link.way.write(request(path, str(uuid4())))

    for _number in range(CONNECTIONS):
        _way, link = await loop.create_connection(lambda: Connection(told), "127.0.0.1", PORT)
        idle.append(link)
    begin = time.perf_counter() + 0.1
    for number in range(total):
        at = begin + number / rate
        pause = at - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        idle = [link for link in idle if not link.gone]
        if idle:
            send(idle.pop(), at)
        else:
            waiting.append(at)
    await finished
    for link in idle:
        link.way.close()
    return sorted(took), refused[0]


def rows() -> int:
    """Touches that are there."""
    with all_rows(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analytics_touchpoint")
        return int(cursor.fetchone()[0])


def cpu_of(master: int) -> tuple[float, float]:
    """CPU seconds so far of the web's workers and of their connections' processes in the database."""
    web = Path(f"/proc/{master}/task/{master}/children").read_text("ascii").split()
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        database = [str(pid) for (pid,) in cursor.fetchall()]
    tick = os.sysconf("SC_CLK_TCK")

    def seconds(pid: str) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / tick

    return sum(map(seconds, web)), sum(map(seconds, database))


def run(master: int) -> None:
    """All of it, against one server."""
    turns: dict[str, list[float]] = {"bare": [], "go": []}
    paths = {"bare": "/bare/", "go": "/go/bench"}
    answered = 0
    for _turn in range(3):
        for name, path in paths.items():
            begin, before, spent = time.perf_counter(), time.process_time(), cpu_of(master)
            answers, redirects = asyncio.run(closed_loop(path, SECONDS))
            wall = time.perf_counter() - begin
            assert answers == redirects, f"{answers - redirects} of {answers} were no redirects"
            answered += redirects if name == "go" else 0
            turns[name].append(answers / wall)
            web, database = (1000 * (now - then) / answers for now, then in zip(cpu_of(master), spent, strict=True))
            tell(
                figure="throughput",
                view=name,
                per_second=round(answers / wall),
                web_cpu_ms=round(web, 2),
                database_cpu_ms=round(database, 2),
                load_cpu=round((time.process_time() - before) / wall, 2),
            )
    best = {name: sorted(found)[1] for name, found in turns.items()}
    tell(figure="quotient", go_of_bare=round(best["go"] / best["bare"], 3), target=0.6)
    before = time.process_time()
    took, refused = asyncio.run(open_loop(paths["go"], RATE, 20))
    answered += len(took) - refused
    tell(
        figure="latency_ms",
        rate=RATE,
        **{f"p{share}": round(1000 * took[int(len(took) * share / 100) - 1], 2) for share in (50, 95, 99)},
        worst=round(1000 * took[-1], 1),
        refused=refused,
        load_cpu=round((time.process_time() - before) / 20, 2),
        target_p99=25,
    )
    tell(figure="lost", answered=answered, rows=rows(), lost=answered - rows(), target=0)


def tell(**figures: Any) -> None:
    """One JSON line."""
    print(json.dumps({**figures, "load": round(os.getloadavg()[0], 1)}), flush=True)


def main() -> None:
    """Serve a database of its own, and measure."""
    with durable() as name:
        with all_rows():
            partitions_ensure(instants=[timezone.now()])
            way = channel_create(code="bench", name="Bench", kind=ChannelKind.PARTNER)
            links_create(links=[NewLink(channel_id=way.pk, code="bench", destination="/courses/", utm_source="bench")])
        command = [sys.executable, "-m", "gunicorn", "-c", "python:portal.server", "bench.redirects:served()"]
        command += ["--bind", f"127.0.0.1:{PORT}", "--workers", str(WORKERS), "--max-requests", "0"]
        quiet = {"BENCH_DATABASE": name, "PORTAL_LOG_LEVEL": "WARNING"}
        server = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=subprocess.DEVNULL)
        try:
            asyncio.run(_until_served())
            run(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
            connections.close_all()


async def _until_served() -> None:
    for _try in range(300):
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("the server does not come up")


if __name__ == "__main__":
    main()
