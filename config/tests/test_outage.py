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


def test_requests_are_told_to_come_back(client: httpx.Client) -> None:
    """503 with Retry-After; nothing about the database."""
    response = client.get("/api/v1/invoices", headers={"authorization": "Bearer qt_test_" + "a" * 52})
    assert response.json()["code"] == "unavailable"
    _check_unavailable(response, "application/problem+json")


def test_staff_are_told_to_come_back(client: httpx.Client) -> None:
    """A page, also when it is a middleware that asks the database first."""
    response = client.get("/admin/", headers={"cookie": "sessionid=" + "a" * 32})
    _check_unavailable(response, "text/html; charset=utf-8")


def _check_unavailable(response: httpx.Response, content_type: str) -> None:
    assert response.status_code == 503
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Retry-After"] == "1"
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
        "payments",
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
