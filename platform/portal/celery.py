"""The Celery application: three queues, late acknowledgement, no result backend; the outbox is the queue of record."""

import os
import warnings
from typing import Any

from celery import Celery

from portal import ground

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class PortalCelery(Celery):  # type: ignore[misc]  # Celery ships no types
    """Celery that starts the embedded broker when the first connection is opened, where no BROKER_URL is set."""

    def _connection(self, url: str, **options: Any) -> Any:
        if url == "embedded:":
            url = f"redis+socket://{ground.valkey(look_again=True)}?virtual_host=0"
        return super()._connection(url, **options)


# Root is how a fresh machine or container runs the demo; messages are JSON, so there is no pickle to fear.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = PortalCelery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
