"""Dials only what it has checked: a name may lead elsewhere a moment later, so it is looked up once."""

import socket
from collections.abc import Iterable

import httpcore

from config.outgoing.addresses import is_public
from config.outgoing.deadline import DeadlineBackend, remaining
from config.outgoing.lookup import Address, Resolve, addresses_of

MAX_ADDRESSES = 4
"""How many addresses of one host are tried, each with its share of the time."""


class AddressRefused(httpcore.ConnectError):
    """The host has an address that is not public."""

    def __init__(self, *, host: str, address: Address) -> None:
        self.host = host
        self.address = address
        at = "" if str(address) == host else f" is at {address}, which"
        super().__init__(f"{host}{at} is not a public address")


class NotResolved(httpcore.ConnectError):
    """The host's addresses cannot be learnt."""

    def __init__(self, *, host: str, why: str) -> None:
        self.host = host
        super().__init__(f"{host} cannot be resolved: {why}")


class GuardedBackend(DeadlineBackend):
    """Refuses a host with any address that is not public, unless `allow_private`; TLS still verifies the host's name.

    Raises AddressRefused and NotResolved besides what httpcore raises.
    """

    def __init__(self, *, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> None:
        self._allow_private = allow_private
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        *others, last = self._checked(host, timeout)[:MAX_ADDRESSES]
        for number, address in enumerate(others):
            seconds = remaining(timeout)
            share = None if seconds is None else seconds / (len(others) + 1 - number)
            try:
                return super().connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(str(last), port, timeout, local_address, socket_options)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        raise httpcore.ConnectError(f"{path} is a socket of this machine, not a public address")

    def _checked(self, host: str, timeout: float | None) -> list[Address]:
        try:
            addresses = addresses_of(host, timeout_seconds=remaining(timeout), resolve=self._resolve)
        except TimeoutError as error:
            raise NotResolved(host=host, why="its name servers did not answer in time") from error
        except (OSError, ValueError) as error:
            raise NotResolved(host=host, why=getattr(error, "strerror", None) or str(error)) from error
        if not addresses:
            raise NotResolved(host=host, why="it has no address")
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise AddressRefused(host=host, address=address)
        return addresses
