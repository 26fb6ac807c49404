"""Every test run: each xdist worker has its own database (pytest-django) and its own Redis database (here)."""

import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import settings


def pytest_configure(config: pytest.Config) -> None:
    """Leave out what is long unless `-m` says otherwise, and give an xdist worker a Redis database of its own.

    How long an example takes is the machine's affair.
    """
    if not config.option.markexpr:
        config.option.markexpr = "not long"
    settings.register_profile("quittance", deadline=None)
    settings.load_profile("quittance")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and os.environ.get("REDIS_URL"):
        _use_redis(_shifted(os.environ["REDIS_URL"], by=int(worker.removeprefix("gw"))))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow comes first; tests of one `xdist_group` on one worker.

    xdist 3.8 writes the group where pytest 9.2 does not read (xdist#1386).
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        grouped = vars(item).get("_nodeid")
        if grouped:
            item._id = type(item._id).parse(grouped)


def _shifted(url: str, *, by: int) -> str:
    """ "redis://host:6379/4" shifted by 1 is "redis://host:6379/5"; a server has databases 0 to 15."""
    match = re.fullmatch(r"(redis://[^/]+)/?(\d*)", url)
    if match is None:
        raise pytest.UsageError(f"REDIS_URL should look like redis://127.0.0.1:6379/0, not {url}")
    return f"{match[1]}/{(int(match[2] or 0) + by) % 16}"


def _use_redis(url: str) -> None:
    from django.conf import settings

    os.environ["REDIS_URL"] = url
    settings.CACHES["default"]["LOCATION"] = url
    settings.CELERY_BROKER_URL = url


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """The database as pytest-django makes it, emptied between tests with its books."""
    from tests.flushing import empty_the_books_too

    empty_the_books_too()


@pytest.fixture(autouse=True)
def _forget_test_clock() -> Iterator[None]:
    """An offset that one test has read is not the next one's."""
    yield
    from config.test_clock import services

    services.forget()
