"""MariaDB and Redis for a measurement: private, and as durable as a payment service's are."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import MySQLdb  # type: ignore[import-untyped]

from tests import servers

DURABLE = [
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-doublewrite=1",
    "--innodb-buffer-pool-size=1G",
    "--innodb-log-file-size=1G",
]
"""Every commit is on disk before it is answered; the test suite's servers do not do that."""


@contextlib.contextmanager
def urls(folder: Path, *, given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """DATABASE_URL and REDIS_URL: those that are `given`, else of servers that live in `folder` until the end."""
    found = {name: given[name] for name in ("DATABASE_URL", "REDIS_URL") if given.get(name)}
    starters = {"DATABASE_URL": lambda: servers.mariadb(DURABLE), "REDIS_URL": servers.redis}
    wanted = [name for name in starters if name not in found]
    servers.install_servers(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    # A temporary folder in memory would make durable commits free.
    tempfile.tempdir = str(folder)
    with contextlib.ExitStack() as stack:
        found |= {name: stack.enter_context(starters[name]()) for name in wanted}
        tempfile.tempdir = None
        create_database(found["DATABASE_URL"])
        yield found


def connect(url: str, *, database: str | None = None) -> Any:
    """A plain connection to the server of `url` and its database, another one, or none ("")."""
    parts = urlsplit(url)
    return MySQLdb.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=parts.username or "root",
        password=parts.password or "",
        database=parts.path.strip("/") if database is None else database,
        charset="utf8mb4",
    )


def create_database(url: str, *, name: str | None = None, anew: bool = False) -> str:
    """Create the database of `url`, or `name` beside it, if it is not there; `anew` drops it first. Its URL."""
    parts = urlsplit(url)
    name = name or parts.path.strip("/")
    with contextlib.closing(connect(url, database="")) as connection, connection.cursor() as cursor:
        if anew:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")
    return parts._replace(path=f"/{name}").geturl()
