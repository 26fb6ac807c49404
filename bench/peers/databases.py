"""A peer's Django database, with the options Quittance has."""

import os
from typing import Any
from urllib.parse import urlsplit


def from_environment() -> dict[str, Any]:
    """The one at PEER_DATABASE_URL."""
    parts = urlsplit(os.environ["PEER_DATABASE_URL"])
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "USER": parts.username,
        "PASSWORD": parts.password or "",
        "NAME": parts.path.strip("/"),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "init_command": "SET sql_mode='STRICT_TRANS_TABLES', innodb_lock_wait_timeout=3",
        },
    }
