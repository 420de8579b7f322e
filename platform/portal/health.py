"""Is this process able to serve? For load balancers and for `make demo`."""

from django.db import connection
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's signature
    """200 with `{"database": true}`; a database that does not answer is an error, hence 500."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return JsonResponse({"database": True}, headers={"Cache-Control": "no-store"})
