"""The catalogues of translations: where they lie, and whether they are complete."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages import Message, pofile

HOMES = ("platform/*", "*")
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")
LANGUAGE = "zh_Hans"


def sources(root: Path) -> list[Path]:
    """Every catalogue of the project's own apps, as .po files."""
    found = [path for home in HOMES for path in root.glob(f"{home}/locale/*/LC_MESSAGES/django.po")]
    return sorted(path for path in set(found) if ".venv" not in path.parts)


def is_compiled(source: Path) -> bool:
    """Whether its .mo file is there and younger."""
    target = source.with_suffix(".mo")
    return target.exists() and target.stat().st_mtime_ns > source.stat().st_mtime_ns


def faults(source: Path) -> Iterator[str]:
    """One line for each message that is untranslated, fuzzy, or has other placeholders than its original."""
    with source.open("rb") as file:
        catalogue = pofile.read_po(file, abort_invalid=True)
    for message in catalogue:
        if not message.id:
            continue
        originals = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string or [""])
        where = f"{source}:{message.lineno}: {originals[0]!r}"
        if message.fuzzy:
            yield f"{where} is fuzzy"
        if not all(strings):
            yield f"{where} is not translated"
            continue
        wanted = _placeholders(originals[-1])
        for string in strings:
            if _placeholders(string) - wanted or (len(originals) == 1 and wanted - _placeholders(string)):
                yield f"{where} has other placeholders in {string!r}"


def disagreements(among: Iterable[Path]) -> Iterator[str]:
    """One line for each message that catalogues translate differently: Django joins them, and only one is shown."""
    said: dict[str, dict[str, Path]] = {}
    for source in among:
        with source.open("rb") as file:
            for message in pofile.read_po(file):
                if message.id:
                    words = message.string if isinstance(message.string, str) else str((message.string or [""])[0])
                    said.setdefault(_key(message), {}).setdefault(words, source)
    for key, found in said.items():
        if len(found) > 1:
            first, second, *_rest = found.items()
            yield (
                f"{key!r} is {first[0]!r} in {first[1]} and {second[0]!r} in {second[1]}; "
                "choose one, or tell them apart by a context"
            )


def ids(source: Path) -> set[str]:
    """The messages of a catalogue as `context|singular`, without its header."""
    with source.open("rb") as file:
        catalogue = pofile.read_po(file)
    return {_key(message) for message in catalogue if message.id}


def _key(message: Message) -> str:
    return f"{message.context or ''}|{message.id if isinstance(message.id, str) else message.id[0]}"


def _placeholders(text: str) -> set[str]:
    return {match.group(0) for match in PLACEHOLDER.finditer(text)}
