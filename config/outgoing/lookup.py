"""Names to addresses, in bounded time: `socket.getaddrinfo` itself takes as long as the name servers please."""

import concurrent.futures
import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., list[tuple[Any, ...]]]
"""As `socket.getaddrinfo`."""


def addresses_of(host: str, *, timeout_seconds: float | None, resolve: Resolve) -> list[Address]:
    """What `host` stands for, each address once, in the order to dial them.

    Raises TimeoutError, or OSError or UnicodeError as `resolve` does. A lookup given up on ends in its own thread.
    """
    found: concurrent.futures.Future[list[Address]] = concurrent.futures.Future()
    threading.Thread(target=_look_up, args=(host, resolve, found), name="lookup", daemon=True).start()
    return found.result(timeout_seconds)


def _look_up(host: str, resolve: Resolve, found: "concurrent.futures.Future[list[Address]]") -> None:
    try:
        entries = resolve(host, None, type=socket.SOCK_STREAM)
        found.set_result(list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in entries)))
    except (OSError, ValueError) as error:
        found.set_exception(error)
