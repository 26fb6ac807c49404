"""Where things may stand. Whoever adds a room says so here, so that it is a decision."""

import pytest

from tests.architecture.source import APPS, ROOT, modules

TOP_LEVEL = {
    "billing",
    "payments",
    "invoices",
    "webhooks",
    "outbox",
    "config",
    "docs",
    "tests",
    "bench",
    "manage.py",
    "conftest.py",
    "pytest.ini",
    "pyproject.toml",
    "Makefile",
    "docker-compose.yml",
    "Dockerfile",
    "requirements.txt",
    "requirements-core.txt",
    "requirements-dev.txt",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
}
ROOMS = {
    "__init__.py",
    "apps.py",
    "README.md",
    "states",
    "models",
    "events",
    "services",
    "api",
    "admin",
    "tasks",
    "management",
    "migrations",
    "tests",
}
EXTRA_ROOMS = {
    "billing": {"authentication", "backends", "hashers", "throttling", "tokens"},
    "invoices": {"ledger"},
    "outbox": {"subscribers"},
    "payments": {"providers"},
    "webhooks/inbound": set(),
    "webhooks/outbound": set(),
}
CONFIG = {
    "__init__.py",
    "apps.py",
    "urls",
    "celery",
    "wsgi",
    "middleware",
    "health",
    "admin",
    "checks",
    "mariadb",
    "redis_cache",
    "api",
    "kernel",
    "settings",
    "embedded",
    "volume",
    "verification",
    "test_clock",
    "observability",
    "outgoing",
    "management",
    "static",
    "templates",
    "tests",
}
KERNEL = {"__init__.py", "errors", "money", "ids", "correlation", "clock", "db", "fields", "prepared", "tests"}
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "shared", "lib", "core_utils", "toolbox"}


def names(folder: str, *, whole: bool = False) -> set[str]:
    """What stands in a folder, modules and packages under one name unless `whole`; hidden and generated things not."""
    found = {entry.name for entry in (ROOT / folder).iterdir() if not entry.name.startswith((".", "__pycache__"))}
    kept = found if whole else {"__init__.py", "apps.py"}
    return {name if name in kept else name.removesuffix(".py") for name in found}


def test_the_top_level_is_a_closed_set() -> None:
    """No drawer joins it, and nothing on the list is missing."""
    assert names("", whole=True) - {"staticfiles"} == TOP_LEVEL


@pytest.mark.parametrize("app", APPS)
def test_every_app_has_only_the_rooms_it_may_have(app: str) -> None:
    """Whoever knows one app finds the same rooms in the next."""
    assert names(app) - ROOMS == EXTRA_ROOMS[app]


def test_every_room_is_used() -> None:
    """A room that no app has is not on the list."""
    assert set().union(*(names(app) for app in APPS)) >= ROOMS


def test_config_is_a_closed_set() -> None:
    """Wiring, the kernel, the API's foundations and the embedded run; nothing of an app."""
    assert names("config") == CONFIG


def test_the_kernel_is_a_closed_set() -> None:
    """Eight modules that everything stands on; what is not one of them belongs to an app."""
    assert names("config/kernel") == KERNEL


def test_webhooks_holds_apps_and_nothing_else() -> None:
    """Directions of webhooks share no code of their own."""
    assert names("webhooks") == {"__init__.py", "inbound", "outbound"}


def test_no_module_is_a_drawer() -> None:
    """A name says what is inside."""
    parts = {part.removesuffix(".py") for module in modules() for part in module.path.split("/")}
    assert parts & DRAWERS == set()
