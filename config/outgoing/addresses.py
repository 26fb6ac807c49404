"""Which addresses on the internet somebody else may choose for us to call."""

import contextlib
import ipaddress
import re
import socket
import string
import urllib.parse
from dataclasses import dataclass

from config.outgoing.lookup import Address, Resolve, addresses_of

MAX_URL_LENGTH = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}
LOOKUP_TIMEOUT_SECONDS = 2.0

NOT_PUBLIC_V4 = [
    ipaddress.IPv4Network(each)
    for each in [
        # https://www.iana.org/assignments/iana-ipv4-special-registry
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Azure's own services, its metadata among them, for every virtual machine there.
        "168.63.129.16/32",
    ]
]
PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""Where all global unicast addresses come from: what is mapped, translated, local or reserved lies outside."""
NOT_PUBLIC_V6 = [
    ipaddress.IPv6Network(each)
    for each in [
        # https://www.iana.org/assignments/iana-ipv6-special-registry: Teredo, benchmarks, ORCHID
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ]
]


class UrlRefused(ValueError):
    """The text says why, for a person."""


@dataclass(frozen=True)
class Target:
    """The parts of a URL that was taken apart once: `host` is ASCII, lower case, without brackets or a final dot."""

    scheme: str
    host: str
    port: int | None
    """None for the scheme's own."""
    path: str

    @property
    def authority(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def is_public(address: Address) -> bool:
    """Whether anybody on the internet can be meant: no range that is private, special, or hides an IPv4 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    return address in PUBLIC_V6 and not any(address in network for network in NOT_PUBLIC_V6)


def check_url(url: str, *, https_only: bool, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> None:
    """Raises UrlRefused for a URL that nothing may be posted to.

    A name that does not resolve within two seconds passes: `guard` checks again whenever it is dialled.
    """
    target = parse(url)
    if https_only and target.scheme != "https":
        raise UrlRefused("The URL must start with https://.")
    if not allow_private:
        _refuse_private(target.host, resolve)


def parse(url: str) -> Target:
    """Raises UrlRefused for what is no plain http(s) URL, whatever it may stand for."""
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefused(f"The URL is longer than {MAX_URL_LENGTH:,} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise UrlRefused("The URL has blanks, control characters or backslashes in it.")
    if "#" in url:
        raise UrlRefused("The URL has a fragment (#…), which would never be sent.")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused(f"The URL cannot be read: {error}.") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise UrlRefused("The URL must start with http:// or https://.")
    if "@" in parts.netloc:
        raise UrlRefused("The URL has credentials in it: events are signed instead.")
    if port == 0:
        raise UrlRefused("The URL has port 0, which nothing listens on.")
    port = None if port == DEFAULT_PORTS[parts.scheme] else port
    return Target(scheme=parts.scheme, host=_host(parts), port=port, path=_path(parts))


def _path(parts: urllib.parse.SplitResult) -> str:
    """With its query; what is not ASCII becomes percent-encoded UTF-8, as browsers do."""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return urllib.parse.quote(path, safe=string.printable)


def _host(parts: urllib.parse.SplitResult) -> str:
    if "[" in parts.netloc or "]" in parts.netloc:
        return str(_ipv6(parts.netloc))
    host = (parts.hostname or "").removesuffix(".")
    if not host:
        raise UrlRefused("The URL has no host.")
    if not host.isascii():
        host = _to_ascii(host)
    if literal := _ipv4(host):
        return str(literal)
    labels = host.split(".")
    if len(host) > 253 or not all(re.fullmatch(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", label) for label in labels):
        raise UrlRefused(f"{host[:100]!r} is not the name of a host.")
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        raise UrlRefused(f"{host!r} is not an IP address.")
    return host


def _to_ascii(host: str) -> str:
    """Refuses what reads back otherwise: it stands for another host than the one somebody sees."""
    with contextlib.suppress(UnicodeError):
        encoded = host.encode("idna").decode()
        if encoded.encode().decode("idna") == host:
            return encoded
    raise UrlRefused(f"{host[:100]!r} is not the name of a host; try its form with xn--.")


def _ipv6(netloc: str) -> ipaddress.IPv6Address:
    match = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](:\d*)?", netloc)
    try:
        return ipaddress.IPv6Address(match[1] if match else netloc)
    except ValueError as error:
        raise UrlRefused(f"{netloc[:100]} is not an IPv6 address.") from error


def _ipv4(host: str) -> ipaddress.IPv4Address | None:
    """The address, however spelt: 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 are what the system dials as 127.0.0.1."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _refuse_private(host: str, resolve: Resolve) -> None:
    if host == "localhost" or host.endswith(".localhost"):
        raise UrlRefused(f"{host} is this machine, not a public address.")
    for address in _addresses(host, resolve):
        if not is_public(address):
            at = "" if str(address) == host else f" is at {address}, which"
            raise UrlRefused(f"{host}{at} is not a public address.")


def _addresses(host: str, resolve: Resolve) -> list[Address]:
    with contextlib.suppress(ValueError):
        return [ipaddress.ip_address(host)]
    try:
        return addresses_of(host, timeout_seconds=LOOKUP_TIMEOUT_SECONDS, resolve=resolve)
    except (OSError, ValueError):
        return []
