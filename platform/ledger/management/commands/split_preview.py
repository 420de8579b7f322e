import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter

from ledger.services.rehearsal import rehearse
from ledger.splits.preview import PreviewError, parse_document, preview


class Command(BaseCommand):
    help = (
        "Say what every event of a golden-splits/1 file posts, to the minor unit, as JSON. Needs no database; with\n"
        "--post every event is booked through the real ledger, held against its constraints, and rolled back.\n\n"
        "Example: manage.py split_preview examples/splits/cases.json --post"
    )
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=_Formatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="cases of rules and events, format golden-splits/1")
        parser.add_argument("--post", action="store_true", help="book each case through the real ledger; roll it back")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{path}: is not UTF-8 text (byte {error.start})") from error
        try:
            document = parse_document(text)
            answer = rehearse(document) if options["post"] else preview(document)
        except PreviewError as error:
            raise CommandError(f"{path}: {error}") from error
        self.stdout.write(json.dumps(answer, ensure_ascii=False))


class _Formatter(DjangoHelpFormatter):
    """Keeps the help text's own lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "".join(indent + line for line in text.splitlines(keepends=True))
