"""A browser that opens pages of ours."""

from typing import Any

from django.test import Client

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/133.0"


def visit(client: Client, path: str = "/accounts/login/", **extra: Any) -> Any:
    return client.get(path, headers={"User-Agent": BROWSER, **extra.pop("headers", {})}, **extra)
