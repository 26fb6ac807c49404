"""A back end whose key may do everything."""

import pytest

from tests.api import ApiConsumer


@pytest.fixture
def api(db: None) -> ApiConsumer:
    return ApiConsumer()
