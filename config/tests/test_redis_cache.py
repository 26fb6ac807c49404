"""The cache's client."""

import os

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings

from config.redis_cache import RedisCache

pytestmark = pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="needs Redis")


def test_the_cache_keeps_its_client(settings: Settings) -> None:
    """One client for all commands, and a cache that works."""
    cache = caches["default"]
    assert isinstance(cache, RedisCache)
    assert cache._cache.get_client("a", write=True) is cache._cache.get_client("b")
    cache.set("config:kept", 1, timeout=5)
    assert not cache.add("config:kept", 2, timeout=5)
    assert cache.get("config:kept") == 1
    cache.delete("config:kept")
    assert cache.get("config:kept") is None
