"""A server whose database is away: what clients, load balancers and staff see."""

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from config.tests.servers import granian


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """The whole service, over a database port where nobody listens."""
    with (
        granian("config.wsgi:application", DATABASE_URL="mysql://root@127.0.0.1:1/none") as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/invoices", {"authorization": "Bearer qt_test_" + "a" * 52}),
        ("/admin/", {"cookie": "sessionid=" + "a" * 32}),
    ],
)
def test_requests_are_told_to_come_back(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    """503 with Retry-After, in the views and in the middleware alike; nothing about the database."""
    response = client.get(path, headers=headers)
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "1"
    assert response.json()["code"] == "unavailable"
    assert "mysql" not in response.text.lower()
    assert "127.0.0.1" not in response.text


def test_the_process_is_alive_and_says_what_is_down(client: httpx.Client) -> None:
    """/health stays 200; /health/detailed names the database."""
    assert client.get("/health").status_code == 200
    response = client.get("/health/detailed")
    components = response.json()["components"]
    assert response.status_code == 503
    assert {name for name, found in components.items() if found["status"] == "down"} == {
        "database",
        "migrations",
        "outbox",
    }
    assert components["cache"]["status"] == "ok"
    assert "Errno" not in response.text
    assert "(2002" not in response.text


def test_a_database_that_hangs_does_not_hang_the_health_check() -> None:
    """Three seconds at most, also for the next probe."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://root@127.0.0.1:{silent.getsockname()[1]}/none"
        with granian("config.wsgi:application", DATABASE_URL=url) as port:
            for _ in range(2):
                started = time.monotonic()
                response = httpx.get(f"http://127.0.0.1:{port}/health/detailed", timeout=10)
                assert response.status_code == 503
                assert time.monotonic() - started < 3
