"""Django's Redis cache with one client a pool, the same on the embedded Valkey, and a cache within the process."""

import threading
from functools import cached_property
from time import monotonic
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
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


class NearCache(BaseCache):
    """What one process keeps for a moment, handed out as it is and not as a copy: whoever gets it must not change it.

    Gets, sets and clears; a full one forgets what was set first. Django's own in memory pickles, each time.
    """

    _kept: dict[str, dict[str, tuple[float, Any]]] = {}
    _lock = threading.Lock()

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._cache = self._kept.setdefault(name, {})

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:  # noqa: ARG002 - Django's signature
        """What was set under `key`, until its time is over."""
        until, value = self._cache.get(key, (0.0, None))
        return value if until > monotonic() else default

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:  # noqa: ARG002 - Django's signature
        """Keep `value` for `timeout` seconds."""
        seconds: float = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout  # type: ignore[assignment]  # never None here
        with self._lock:
            self._cache.pop(key, None)
            while len(self._cache) >= self._max_entries:
                del self._cache[next(iter(self._cache))]
            self._cache[key] = (monotonic() + seconds, value)

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._cache.clear()
