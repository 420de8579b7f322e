"""JSON as people write it into a form."""

import json
from typing import Any

from django.utils.translation import gettext as _

from ledger.splits.preview import PreviewError, parse_document


class NotJsonError(ValueError):
    """A text that is no JSON, or none that can be kept; the message says where or why, in the reader's language."""


def json_written(text: str) -> Any:
    """Read JSON; NotJsonError says what is wrong."""
    try:
        return parse_document(text)
    except PreviewError as fault:
        cause = fault.__cause__
        if isinstance(cause, json.JSONDecodeError):
            where = {"line": cause.lineno, "column": cause.colno}
            raise NotJsonError(_("This is no JSON: look at line %(line)d, column %(column)d.") % where) from None
        raise NotJsonError(
            _(
                "This JSON cannot be kept: a field stands twice, a number is endless or too long, brackets are nested "
                "too deeply, or a text holds a character that no database takes."
            )
        ) from None
