"""Django's Redis cache on the embedded Valkey, started when the cache is first used."""

from functools import cached_property
from typing import Any

from django.core.cache.backends.redis import RedisCache

from portal import ground


class EmbeddedCache(RedisCache):
    """LOCATION is ignored but for an optional database number after a colon: `embedded:3`; the usual one is 1."""

    @cached_property
    def _cache(self) -> Any:
        self._servers: list[str]
        number = self._servers[0].partition(":")[2] or "1"
        self._servers = [f"unix://{ground.valkey()}?db={number}"]
        return super()._cache
