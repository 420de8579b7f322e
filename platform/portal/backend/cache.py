"""Django's Redis cache with one client a pool, and the same on the embedded Valkey, started when first used."""

from functools import cached_property
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient

from portal import ground


class KeptClient(RedisCacheClient):
    """Keeps redis-py's client with its pool: Django makes one for each command, which takes longer than the command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clients: dict[int, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:  # noqa: ARG002 - Django's signature
        """The client that reads or writes; threads may share it, each takes a connection of its own from the pool."""
        pool = self._get_connection_pool(write)  # type: ignore[attr-defined]  # the stubs leave it out
        if id(pool) not in self._clients:
            self._clients[id(pool)] = self._client(connection_pool=pool)  # type: ignore[attr-defined]  # as above
        return self._clients[id(pool)]


class Cache(RedisCache):
    """Django's Redis cache by `KeptClient`."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = KeptClient


class EmbeddedCache(Cache):
    """LOCATION is ignored but for an optional database number after a colon: `embedded:3`; the usual one is 1."""

    @cached_property
    def _cache(self) -> Any:
        self._servers: list[str]
        number = self._servers[0].partition(":")[2] or "1"
        self._servers = [f"unix://{ground.valkey()}?db={number}"]
        return super()._cache
