from collections.abc import Iterator

import pytest

from config.outgoing.posting import Poster


@pytest.fixture(scope="module")
def poster() -> Iterator[Poster]:
    """One that may call this machine."""
    poster = Poster(allow_private=True, timeout_seconds=10)
    yield poster
    poster.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[Poster]:
    """One that gives up after 0.2 s."""
    poster = Poster(allow_private=True, timeout_seconds=0.2)
    yield poster
    poster.close()
