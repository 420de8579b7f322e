from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.makemessages import Command as MakeMessages
from django.core.management.commands.makemessages import TranslatableFile

from portal import catalogues

APPS = {
    "accounts": "platform/accounts",
    "events": "platform/events",
    "ledger": "platform/ledger",
    "partners": "partners",
    "courses": "courses",
    "analytics": "analytics",
    "recommender": "recommender",
}
PORTAL = "platform/portal"
SOURCES = (*APPS.values(), PORTAL, "templates")


def catalogue_of(path: Path) -> Path | None:
    """The locale folder that the strings of a file belong to, both relative to the repository; None: no source."""
    if not any(path.is_relative_to(source) for source in SOURCES):
        return None
    parts = path.parts
    if parts[0] == "templates":
        owner = parts[2] if parts[1] == "admin" and len(parts) > 3 else parts[1]
        return Path(APPS.get(owner, PORTAL)) / "locale"
    home = next((folder for folder in APPS.values() if path.is_relative_to(folder)), PORTAL)
    return Path(home) / "locale"


class Command(MakeMessages):
    help = (
        "Gather translatable strings into each app's own catalogue: templates/APP/ and templates/admin/APP/ go to APP, "
        "what is shared to the portal.\n\nExample: manage.py makemessages -l zh_Hans"
    )
    requires_system_checks: list[str] = []
    msgmerge_options = ["-q", "--backup=none", "--previous", "--update", "--no-fuzzy-matching"]

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(no_wrap=True, add_location="file", no_obsolete=True)

    def find_files(self, root: str) -> list[TranslatableFile]:
        """Every source file with the locale folder of its app; the repository root is the current folder."""
        here = Path.cwd()
        self.locale_paths: list[str] = [str(here / folder / "locale") for folder in (*APPS.values(), PORTAL)]
        for folder in self.locale_paths:
            Path(folder).mkdir(exist_ok=True)
        found = []
        for source in SOURCES:
            for path in sorted((here / source).rglob("*")):
                if path.suffix not in {".py", ".html", ".txt"} or "locale" in path.parts or "migrations" in path.parts:
                    continue
                relative = path.relative_to(here)
                home = catalogue_of(relative)
                if home is not None:
                    found.append(self.translatable_file_class(f"./{relative.parent}", path.name, str(here / home)))
        return found

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        for path in catalogues.sources(Path.cwd()):
            tidy(path)


HEADER = """msgid ""
msgstr ""
"Project-Id-Version: tributary\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
{plural}
"""


def tidy(path: Path) -> None:
    """Give a catalogue a header that says only what is true and does not change with every run."""
    text = path.read_text(encoding="utf-8")
    head, _, body = text.partition("\n\n")
    plural = next((line for line in head.splitlines() if line.startswith('"Plural-Forms:')), "")
    fresh = HEADER.format(language=path.parts[-3], plural=plural).rstrip("\n") + "\n\n" + body.strip("\n") + "\n"
    if fresh != text:
        path.write_text(fresh, encoding="utf-8")
