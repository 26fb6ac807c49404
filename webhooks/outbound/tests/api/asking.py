"""What the tests of the API ask for again and again."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.api.tests.test_problems import assert_problem
from tests.api import ApiConsumer

NOBODY = "whe_01h455vb4pex5vsknk084sn02q"
MINE: dict[str, Any] = {"url": "https://1.1.1.1/hook", "events": ["customer.*"], "description": "mine"}


def made(api: ApiConsumer, **more: Any) -> dict[str, Any]:
    """A new endpoint, with its secret."""
    response = api.post("webhook-endpoints", MINE | more)
    assert response.status_code == 201, response.content
    document: dict[str, Any] = response.json()
    return document


def shown(response: Any) -> Any:
    """What a request that went well was answered."""
    assert response.status_code == 200, response.content
    return response.json()


def refused(response: Any, status: int, code: str = "invalid") -> dict[str, Any]:
    """The problem that it was answered with."""
    return assert_problem(response, status, code)


def statements(api: ApiConsumer, ask: Callable[[], Any]) -> int:
    """How many `ask` takes, less those that say who asks."""
    with CaptureQueriesContext(connection) as authentication:
        api.get("webhook-endpoints/nonsense")
    with CaptureQueriesContext(connection) as captured:
        shown(ask())
    return len(captured) - len(authentication)
