"""Which addresses and URLs somebody else may choose for us."""

import ipaddress
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.outgoing.addresses import UrlRefused, check_url, is_public, parse
from config.outgoing.tests.receivers import resolving

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "2001:4860:4860::8888",
]
NOT_PUBLIC = {
    "this network": ["0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "link-local and metadata": ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "168.63.129.16"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255", "100.100.100.200"],
    "protocols and relays": ["192.0.0.192", "192.88.99.1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved and broadcast": ["240.0.0.1", "255.255.255.255", "4000::1", "5f00::1"],
    "unique local": ["fc00::1", "fd00:ec2::254"],
    "site-local": ["fec0::1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1"],
    "IPv4-compatible": ["::127.0.0.1", "::8.8.8.8"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b:1::a00:1"],
    "6to4": ["2002:7f00:1::", "2002:808:808::1"],
    "Teredo": ["2001::1", "2001:0:7f00:1::"],
}
LOOPBACK_SPELLINGS = [
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
]
NO_URLS = {
    "ftp://receiver.example/": "http:// or https://",
    "receiver.example/hook": "http:// or https://",
    "//receiver.example/hook": "http:// or https://",
    "": "http:// or https://",
    "http://": "no host",
    "http:///hook": "no host",
    "http://:80/": "no host",
    "http://./": "no host",
    "http://user@receiver.example/": "credentials",
    "http://user:password@receiver.example/": "credentials",
    "http://@receiver.example/": "credentials",
    "http://receiver.example/#top": "fragment",
    "http://receiver.example/#": "fragment",
    "http://receiver.example/a b": "blanks",
    " http://receiver.example/": "blanks",
    "http://receiver.example\t/": "blanks",
    "http://receiver.example/\n": "blanks",
    "http://receiver.example/\x00": "blanks",
    "http://receiver.example/\x7f": "blanks",
    "http://receiver.example/\u00a0": "blanks",
    "http://receiver.example/\u202e": "blanks",
    "http://receiver.example\\@127.0.0.1/": "backslashes",
    "http://receiver.example:0/": "port 0",
    "http://receiver.example:65536/": "cannot be read",
    "http://receiver.example:80:80/": "cannot be read",
    "http://receiver.example:-1/": "cannot be read",
    "http://[::1/": "cannot be read",
    "http://[::1%25eth0]/": "is not an IPv6 address",
    "http://[::1]receiver.example/": "is not an IPv6 address",
    "http://receiver.example[::1]/": "is not an IPv6 address",
    "http://[127.0.0.1]/": "read",
    "http://a..example/": "not the name of a host",
    "http://-a.example/": "not the name of a host",
    "http://a%2eexample/": "not the name of a host",
    "http://a*b.example/": "not the name of a host",
    f"http://{'a' * 64}.example/": "not the name of a host",
    "http://" + "a." * 127 + "example/": "not the name of a host",
    "http://fa\u00df.example/": "xn--",
    "http://\uff11\uff12\uff17.0.0.1/": "xn--",
    "http://\u24db\u24de\u24d2alhost/": "xn--",
    "http://127\u30020\u30020\u30021/": "xn--",
    "http://\u0378.example/": "blanks",
    "http://256.0.0.1/": "not an IP address",
    "http://4294967296/": "not an IP address",
    "http://1.2.3.4.5/": "not an IP address",
    "http://receiver.0x1/": "not an IP address",
    "http://receiver.example/" + "a" * 2000: "2,000 characters",
}
WHERE = resolving(["93.184.216.34"])


@pytest.mark.parametrize("address", PUBLIC)
def test_an_ordinary_address_is_public(address: str) -> None:
    """What stands just beside a special range too."""
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [each for group in NOT_PUBLIC.values() for each in group])
def test_a_special_address_is_not_public(address: str) -> None:
    """Private, reserved, or with an IPv4 address inside, whatever that one is."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["100.64.0.1", "192.88.99.1", "[64:ff9b::7f00:1]", "[fec0::1]", "[ff02::1]"])
def test_a_url_with_a_special_address_is_refused(address: str) -> None:
    """By our list: Python's own does not call all of these private."""
    with pytest.raises(UrlRefused, match="is not a public address"):
        check_url(f"https://{address}/", https_only=True, allow_private=False)


@given(st.ip_addresses())
def test_python_calls_every_public_address_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Its own list is longer in places and differs between its versions, so ours is never the wider one."""
    assert not is_public(address) or address.is_global


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_plain_http_url_is_refused(url: str) -> None:
    """Also where private addresses are allowed; the reason names what is wrong."""
    with pytest.raises(UrlRefused, match=NO_URLS[url]):
        check_url(url, https_only=False, allow_private=True, resolve=WHERE)


@pytest.mark.parametrize("spelling", LOOPBACK_SPELLINGS)
def test_an_address_is_judged_however_it_is_spelt(spelling: str) -> None:
    """As the C library reads it when it dials."""
    assert parse(f"http://{spelling}:8080/").authority == "127.0.0.1:8080"
    with pytest.raises(UrlRefused, match=r"^127\.0\.0\.1 is not a public address\.$"):
        check_url(f"http://{spelling}:8080/", https_only=False, allow_private=False)
    check_url(f"http://{spelling}:8080/", https_only=False, allow_private=True)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "api.localhost", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_this_machine_is_refused(host: str) -> None:
    """By its names without asking anybody, as a resolver may know them otherwise."""
    with pytest.raises(UrlRefused, match="not a public address"):
        check_url(f"https://{host}/", https_only=True, allow_private=False, resolve=WHERE)


def test_plain_http_is_refused_where_https_is_asked_for() -> None:
    """And taken where it is not."""
    with pytest.raises(UrlRefused, match="https://"):
        check_url("http://receiver.example/", https_only=True, allow_private=True)
    check_url("http://receiver.example/", https_only=False, allow_private=False, resolve=WHERE)


@pytest.mark.parametrize("found", [["10.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["93.184.216.34", "::ffff:a00:1"]])
def test_a_name_with_any_private_address_is_refused(found: list[str]) -> None:
    """The reason names the host and the address."""
    with pytest.raises(UrlRefused, match=rf"receiver.example is at {found[-1]}, which is not a public address"):
        check_url("https://receiver.example/", https_only=True, allow_private=False, resolve=resolving(found))


def test_a_name_that_does_not_resolve_passes() -> None:
    """It may tomorrow, and is looked up whenever it is dialled."""

    def unknown(*arguments: object, **options: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    check_url("https://receiver.example/", https_only=True, allow_private=False, resolve=unknown)


def test_name_servers_that_hang_hold_nobody_up() -> None:
    """Two seconds, then the name passes as one that does not resolve."""
    answered = threading.Event()

    def hang(*arguments: object, **options: object) -> list[tuple[object, ...]]:
        answered.wait(30)
        return []

    started = time.monotonic()
    check_url("https://receiver.example/", https_only=True, allow_private=False, resolve=hang)
    answered.set()
    assert 1.9 < time.monotonic() - started < 2.5


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://Receiver.example", "receiver.example", "/"),
        ("https://receiver.example:443/a?b=c&d=%20", "receiver.example", "/a?b=c&d=%20"),
        ("https://receiver.example:80/", "receiver.example:80", "/"),
        ("http://[2606:4700::1111]:8080/", "[2606:4700::1111]:8080", "/"),
        ("http://b\u00fccher.example/\u00e4?\u00f6", "xn--bcher-kva.example", "/%C3%A4?%C3%B6"),
        ("http://a_b.example?c", "a_b.example", "/?c"),
        ("http://134744072/", "8.8.8.8", "/"),
    ],
)
def test_an_ordinary_url_is_taken_apart(url: str, authority: str, path: str) -> None:
    """Into what stands in the request line and the Host header."""
    check_url(url, https_only=False, allow_private=False, resolve=WHERE)
    target = parse(url)
    assert (target.authority, target.path) == (authority, path)


@given(st.text(max_size=60) | st.text(max_size=60).map("http://{}".format))
def test_no_text_at_all_raises_anything_else(text: str) -> None:
    """Whatever somebody types: a Target that can be sent as it stands, or UrlRefused."""
    try:
        target = parse(text)
    except UrlRefused:
        return
    assert f"{target.authority}{target.path}".isascii()
