"""Latency of the tour's pages on the demo business: `make demo` in one terminal, `make bench ARGS=tour` in another.

Each page is asked for three times to warm it and then twenty times; one JSON line a page with p50 and p95 in
milliseconds of wall time, as a browser on the same machine would wait for the document.
"""

import json
import os
import re
import statistics
import sys
import time

import httpx

BASE = os.environ.get("PORTAL_BASE_URL", "http://localhost:8000")
PAGES: tuple[tuple[str, str, str], ...] = (
    ("storefront", "", "/"),
    ("catalogue", "", "/courses/"),
    ("search", "", "/courses/?q=python"),
    ("course", "", "/courses/deep-learning-with-pytorch/"),
    ("learning", "learner", "/learn/"),
    ("suggestions", "learner", "/suggestions/home/"),
    ("creator", "creator", "/creator/"),
    ("links", "partner", "/creator/links/"),
    ("agreements", "creator", "/creator/agreements/"),
    ("marketing", "marketer", "/marketing/"),
    ("admin", "manager", "/admin/"),
    ("admin, orders", "manager", "/admin/courses/order/"),
    ("admin, agreements", "manager", "/admin/partners/agreement/"),
    ("admin, entries", "finance", "/admin/ledger/journalentry/"),
)
WARM, ASKED = 3, 20


def browser(who: str) -> httpx.Client:
    """A browser in which one of the demo's people is logged in; nobody for an empty name."""
    client = httpx.Client(base_url=BASE, follow_redirects=True, timeout=30, headers={"User-Agent": "Mozilla/5.0"})
    if who:
        form = client.get("/accounts/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        if token is None:
            sys.exit(f"{BASE} shows no login form; is the demo running?")
        client.post(
            "/accounts/login/",
            data={"login": f"{who}@demo.test", "password": "demo", "csrfmiddlewaretoken": token[1]},
            headers={"Referer": f"{BASE}/accounts/login/"},
        )
    return client


def measure(client: httpx.Client, path: str) -> list[float]:
    """Milliseconds of each asked-for answer."""
    took = []
    for number in range(WARM + ASKED):
        begun = time.perf_counter()
        answer = client.get(path)
        if answer.status_code != httpx.codes.OK:
            sys.exit(f"{path} answered {answer.status_code}")
        if number >= WARM:
            took.append(1000 * (time.perf_counter() - begun))
    return sorted(took)


def main() -> None:
    """Measure every page."""
    browsers = {who: browser(who) for who in dict.fromkeys(who for _, who, _ in PAGES)}
    for name, who, path in PAGES:
        took = measure(browsers[who], path)
        p95 = took[int(0.95 * len(took)) - 1]
        print(json.dumps({"page": name, "p50_ms": round(statistics.median(took), 1), "p95_ms": round(p95, 1)}))


if __name__ == "__main__":
    main()
