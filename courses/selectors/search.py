"""Words for finding courses: what goes into a course's search vector, and what a query asks of it.

Chinese is cut by jieba's dictionary; every overlapping pair of characters is kept beside the words, at the lowest
weight, so that a name that the dictionary does not know is found all the same. English is stemmed by PostgreSQL.
Names of tools such as C++, C#, .NET or node.js, which PostgreSQL's parser takes apart, are kept as one word.
"""

import re
import threading
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.postgres.search import SearchQuery

from courses.models import Course

LONGEST_QUERY = 100
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUN = re.compile(f"[{HAN}]+")
_WORD = re.compile(r"\.?[^\W_]+(?:[.+#'-]+[^\W_]+)*[+#]*")
_PIECE = re.compile(f"{_RUN.pattern}|(?:(?![{HAN}]){_WORD.pattern})")
_PLAIN = re.compile(r"[^\W_]+")
_POSITION_LIMIT = 16_383
_lock = threading.Lock()


def warm() -> None:
    """Load the dictionary (most of a second) beside the request, so that the first Chinese search does not wait."""
    if not _load.cache_info().currsize:
        threading.Thread(target=_tokenizer, name="jieba", daemon=True).start()


def _tokenizer() -> Any:
    with _lock:
        return _load()


@cache
def _load() -> Any:
    # jieba compiles with escapes that newer Pythons warn of; the filter stays because restoring it is not thread-safe.
    warnings.filterwarnings("ignore", module=r".*jieba")
    import jieba

    jieba.setLogLevel("ERROR")
    tokenizer = jieba.Tokenizer()
    # Its cache of the dictionary is unmarshalled on load, so it must lie where only we can write.
    folder = settings.DATA_DIR / "jieba"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.tmp_dir = str(folder)
    tokenizer.initialize()
    return tokenizer


def words(text: str) -> list[str]:
    """Return the searchable words of `text` in order: Chinese by dictionary (long words with their parts), the rest
    as written, lower case, full-width letters made plain."""
    found: list[str] = []
    plain = unicodedata.normalize("NFKC", text).lower()
    for piece in _pieces(plain):
        if _RUN.fullmatch(piece):
            found += [word for word in _tokenizer().cut_for_search(piece, HMM=False) if word.strip()]
        else:
            found.append(piece)
    return found


def pairs(text: str) -> list[str]:
    """Return every two neighbouring Chinese characters of `text`; a character that stands alone counts by itself."""
    found = []
    for run in _RUN.findall(unicodedata.normalize("NFKC", text)):
        found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return found


def vector_of(texts: Sequence[tuple[str, Iterable[str]]]) -> tuple[str, list[str]]:
    """Return SQL for a tsvector and its parameters from (weight A to D, texts) rows."""
    parts, params = [], []
    for weight, group in texts:
        joined = " \n".join(text for text in group if text)
        parts.append(f"setweight(to_tsvector('english', %s), '{weight}') || %s::tsvector")
        params += [_without_han(joined), _literal(words(joined), weight)]
    everything = " ".join(text for _weight, group in texts for text in group)
    parts.append("%s::tsvector")
    params.append(_literal(pairs(everything), "D"))
    return " || ".join(parts), params


def course_texts(course: Course, names: Iterable[str] = ()) -> list[tuple[str, list[str]]]:
    """Return what a course is found by: titles first, then creators and topic, summaries, then the rest."""
    topic = course.topic
    return [
        ("A", [course.title, course.title_zh]),
        ("B", [topic.name, topic.name_zh, *names]),
        ("C", [course.summary, course.summary_zh, *course.outcomes, *course.outcomes_zh]),
        ("D", [course.description, course.description_zh]),
    ]


def cleaned(typed: str) -> str:
    """Return what somebody typed, as it is searched for: plain letters, lower case, no control characters, bounded."""
    plain = unicodedata.normalize("NFKC", typed[: 2 * LONGEST_QUERY]).lower()
    return "".join(letter if letter.isprintable() else " " for letter in plain)[:LONGEST_QUERY].strip()


def query_of(typed: str) -> SearchQuery | None:
    """Return the query for what somebody typed: every word must occur, the last may be unfinished. None: no word."""
    asked: SearchQuery | None = None
    pieces = _pieces(cleaned(typed))
    for i, piece in enumerate(pieces):
        part = _han(piece) if _RUN.fullmatch(piece) else _latin(piece, unfinished=i == len(pieces) - 1)
        asked = part if asked is None else asked & part
    return asked


class Lexemes(SearchQuery):
    """A query of lexemes as they are stored; `to_tsquery` would parse them first and make c++ into c."""

    template = "(%(expressions)s)::tsquery"


def _han(run: str) -> SearchQuery:
    cut = [word for word in _tokenizer().cut(run, HMM=False) if word.strip()]
    return Lexemes(f"({_all_of(cut)}) | ({_all_of(pairs(run))})")


def _all_of(tokens: Sequence[str]) -> str:
    return " & ".join(_quoted(token) + (":*" if len(token) == 1 else "") for token in tokens)


def _latin(word: str, *, unfinished: bool) -> SearchQuery:
    text = _quoted(word) + (":*" if unfinished else "")
    whole = Lexemes(text)
    if not _PLAIN.fullmatch(word):
        return whole
    return SearchQuery(text, search_type="raw", config="english") | whole


def _pieces(text: str) -> list[str]:
    return [match[0] for match in _PIECE.finditer(_spaced(text))]


def _spaced(text: str) -> str:
    """Part Chinese from Latin where they touch, as in Python入门."""
    return re.sub(f"(?<=[{HAN}])(?=[^{HAN}])|(?<=[^{HAN}])(?=[{HAN}])", " ", text)


def _without_han(text: str) -> str:
    return re.sub(f"[{HAN}]+", " ", unicodedata.normalize("NFKC", text))


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _literal(tokens: Sequence[str], weight: str) -> str:
    places: dict[str, list[int]] = {}
    for position, token in enumerate(tokens, start=1):
        places.setdefault(token, []).append(min(position, _POSITION_LIMIT))
    return " ".join(
        _quoted(token) + ":" + ",".join(f"{place}{weight}" for place in sorted(set(seen))[:50])
        for token, seen in places.items()
    )
