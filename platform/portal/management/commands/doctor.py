from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import diagnosis


class Command(BaseCommand):
    help = (
        "Look the installation over and say in one line each what is well, what is worth a note and what is broken. "
        "Exit code 1 when something is broken.\n\nExample: manage.py doctor"
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        marks = {"well": self.style.SUCCESS("well "), "note": self.style.WARNING("note "), "broken": "broken "}
        broken = 0
        for finding in diagnosis.findings():
            broken += finding.state == "broken"
            line = f"{marks[finding.state]} {finding.about}: {finding.text}"
            self.stdout.write(self.style.ERROR(line) if finding.state == "broken" else line)
        if broken:
            raise CommandError(f"{broken} broken; the portal will not work well until this is mended")
