"""What is known of items beside who took them: words and tags, as one row of weighted features an item.

Words of the text (single and in pairs) and tags (relation, entity) are weighted by inverse document frequency; each
of the two blocks has length 1 in every row that has any before tags are given their lesser weight, so that the inner
product of two rows is the cosine of their words plus `TAGS` times the cosine of their tags.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from recommender.engine.data import Float32, Float64, Int64

TAGS = 0.3
"""What tags count against words: chosen on valid of coco_recent, by how high new courses stood."""

_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff]")


MEANING = 0.5
"""What the vectors of an encoder count against words."""


@dataclass(frozen=True, eq=False)
class Content:
    """`features`, float64 [items, features] sparse, a row an item, in the catalogue's order.

    `meaning`, where an encoder read the texts: float32 [items, dimension], dense, weighted like `features`.
    """

    features: sparse.csr_matrix
    meaning: Float32 | None = None

    def similarity(self) -> Float64:
        """Inner products of all rows, float64 [items, items]; an item is as like itself as can be."""
        found: Float64 = (self.features @ self.features.T).toarray()
        if self.meaning is not None:
            found += self.meaning @ self.meaning.T
        return found

    def between(self, rows: Int64 | slice, columns: Int64 | slice) -> Float32:
        """The same for some rows and columns, float32."""
        features = self.features.astype(np.float32)
        found: Float32 = (features[rows] @ features[columns].T).toarray()
        if self.meaning is not None:
            found += self.meaning[rows] @ self.meaning[columns].T
        return found

    def fingerprint(self) -> str:
        """SHA-256 of the features and, rounded, of the meaning."""
        digest = hashlib.sha256()
        for column in (self.features.indptr, self.features.indices, self.features.data):
            digest.update(np.ascontiguousarray(column).astype("<f8").tobytes())
        if self.meaning is not None:
            digest.update(np.round(self.meaning, 3).astype("<f4").tobytes())
        return digest.hexdigest()


def content_of(
    *, texts: Sequence[str], tags: Sequence[Sequence[tuple[str, str]]], meaning: Float32 | None = None
) -> Content:
    """Read one text and any number of (relation, entity) tags an item. What one item alone has says nothing.

    `meaning`: the texts' vectors at length 1 (`encoder.centred`), if an encoder read them.
    """
    told = _weighted([words(text) for text in texts])
    tagged = _weighted([[" ".join(tag) for tag in own] for own in tags]) * np.sqrt(TAGS)
    weighed = None if meaning is None else (np.float32(np.sqrt(MEANING)) * meaning).astype(np.float32)
    return Content(sparse.csr_matrix(sparse.hstack([told, tagged]), dtype=np.float64), weighed)


def words(text: str) -> list[str]:
    """Words in lower case, Chinese ones as jieba cuts them, and pairs of neighbours."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        found += _cut(word) if _HAN.search(word) else [word]
    return [*found, *(" ".join(pair) for pair in pairwise(found))]


def _cut(word: str) -> list[str]:
    import jieba

    return list(jieba.cut(word))


def _weighted(documents: Sequence[Sequence[str]]) -> sparse.csr_matrix:
    """Inverse document frequency times 1 + log of the term's frequency, rows of length 1, [documents, terms]."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    spread = Counter(term for document in documents for term in set(document))
    if max(spread.values(), default=0) < 2:
        return sparse.csr_matrix((len(documents), 0), dtype=np.float64)
    return TfidfVectorizer(analyzer=lambda document: document, sublinear_tf=True, min_df=2).fit_transform(documents)
