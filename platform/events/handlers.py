"""What the outbox does with news of its own."""

from events.choices import EventName
from events.services import EventData, handles, letter_send


@handles(EventName.LETTER_WRITTEN, batch=1)
def mail_letters(events: list[EventData]) -> None:
    """Mail letters, one at a time: what a failing one retries must not send another again."""
    for event in events:
        letter_send(letter_id=event.payload["letter_id"])
