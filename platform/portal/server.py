"""Gunicorn's settings: `gunicorn -c python:portal.server portal.wsgi`."""

import gc
import sys
from typing import Any

from portal import connections, env

bind = f"{env.text('PORTAL_BIND')}:{env.integer('PORTAL_PORT')}"
workers = env.integer("PORTAL_WEB_WORKERS")
worker_class = "portal.worker.StayingWorker"
threads = 4
preload_app = True  # the code is loaded once and shared by the workers' memory
timeout = 60
graceful_timeout = 10
keepalive = 5
max_requests, max_requests_jitter = 5000, 500
forwarded_allow_ips = "*" if env.flag("PORTAL_PROXY") else "127.0.0.1"
loglevel = "warning"


def when_ready(server: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """Say where the portal is served, once it really is; and let no worker's garbage collector pass over the code."""
    gc.collect()
    gc.freeze()
    name, url = env.text("PORTAL_PLATFORM_NAME"), connections.base_url()
    sys.stdout.write(f"\n  {name} is served at {url}  (Ctrl-C stops it)\n\n")
    sys.stdout.flush()


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """Connections are not shared between processes."""
    from django.db import connections

    connections.close_all()
