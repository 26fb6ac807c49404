"""Django's Redis cache, its client made once: Django makes a new one for every command, at twice the command's cost."""

from typing import Any

from django.core.cache.backends import redis


class Client(redis.RedisCacheClient):
    """One redis client per server; each of them is safe to share between threads and over forks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: dict[Any, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        pool = self._get_connection_pool(write)  # type: ignore[attr-defined]
        if pool not in self._made:
            self._made[pool] = self._client(connection_pool=pool)  # type: ignore[attr-defined]
        return self._made[pool]


class RedisCache(redis.RedisCache):
    """The backend settings name."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client
