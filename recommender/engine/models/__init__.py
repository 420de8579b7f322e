"""Models by name. A new model is one file here and one line in `MODELS`; the conformance suite then applies to it."""

from __future__ import annotations

from recommender.engine.errors import ConfigError
from recommender.engine.models.base import Model
from recommender.engine.models.blend import Blend
from recommender.engine.models.content import ContentLikeness
from recommender.engine.models.ease import Ease, Hybrid
from recommender.engine.models.graph_filter import GraphFilter
from recommender.engine.models.ials import Ials
from recommender.engine.models.item_knn import ItemKnn
from recommender.engine.models.ncf import Ncf
from recommender.engine.models.newcomers import Newcomers
from recommender.engine.models.popularity import Popularity
from recommender.engine.models.private_ease import PrivateEase
from recommender.engine.models.sasrec import SasRec
from recommender.engine.models.sequence_ease import SequenceEase
from recommender.engine.models.stepped_ease import SteppedEase
from recommender.engine.models.two_tower import TwoTower

MODELS: dict[str, type[Model]] = {
    kind.name: kind
    for kind in (
        Popularity,
        ItemKnn,
        Ease,
        SequenceEase,
        SteppedEase,
        Ials,
        GraphFilter,
        SasRec,
        ContentLikeness,
        Hybrid,
        PrivateEase,
        Ncf,
        TwoTower,
        Blend,
        Newcomers,
    )
}


def get_model(name: str) -> type[Model]:
    """The model class registered under `name`. Raises ConfigError for names nobody registered."""
    try:
        return MODELS[name]
    except KeyError:
        raise ConfigError(f"unknown model {name!r}; known: {', '.join(sorted(MODELS))}") from None
