"""What tests of payments ask for by `pytest.mark.usefixtures`."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.invariants import check_invariants


@pytest.fixture
def movable_clock(settings: LazySettings) -> None:
    """Business time can be moved forward."""
    settings.TEST_CLOCK = True


@pytest.fixture
def invariants_hold() -> Iterator[None]:
    """At the end of the test, over the whole database."""
    yield
    check_invariants()
