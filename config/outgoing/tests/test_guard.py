"""What is dialled is what was checked, and TLS still asks for the name."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import httpcore
import pytest

from config.outgoing.addresses import check_url
from config.outgoing.deadline import ends_after
from config.outgoing.guard import AddressRefused, GuardedBackend, NotResolved
from config.outgoing.lookup import Resolve
from config.outgoing.posting import Answer, Poster
from config.outgoing.tests.receivers import OK, answering, receiving, resolving

PUBLIC = "93.184.216.34"


def test_a_name_that_leads_elsewhere_a_moment_later_is_refused() -> None:
    """DNS rebinding: public when the URL was checked, this machine when it is dialled."""
    with receiving(answering(OK)) as receiver:
        resolve = resolving([PUBLIC], ["127.0.0.1"])
        url = f"http://receiver.example:{receiver.port}/"
        check_url(url, https_only=False, allow_private=False, resolve=resolve)
        answer = _post(url, resolve, allow_private=False)
    assert answer.error == "receiver.example is at 127.0.0.1, which is not a public address"
    assert receiver.connections == 0


@pytest.mark.parametrize("found", [["127.0.0.1", PUBLIC], [PUBLIC, "127.0.0.1"], ["::ffff:127.0.0.1"]])
def test_a_host_with_any_private_address_is_not_dialled(found: list[str]) -> None:
    """Not at its public ones either, wherever among them the private one stands."""
    with receiving(answering(OK)) as receiver:
        backend = GuardedBackend(allow_private=False, resolve=resolving(found))
        with pytest.raises(AddressRefused) as refused:
            backend.connect_tcp("receiver.example", receiver.port, timeout=5)
    assert refused.value.host == "receiver.example"
    assert not refused.value.address.is_global
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_dialled(host: str) -> None:
    """By an address however spelt, or by the name that every machine has for itself."""
    with receiving(answering(OK)) as receiver:
        answer = _post(f"http://{host}:{receiver.port}/", socket.getaddrinfo, allow_private=False)
    assert "is not a public address" in answer.error
    assert receiver.connections == 0


def test_a_redirect_to_this_machine_is_not_followed() -> None:
    """It is an answer like any other."""
    with receiving(answering(OK)) as inside:
        moved = b"HTTP/1.1 307 X\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % inside.url.encode()
        with receiving(answering(moved)) as receiver:
            assert _post(receiver.url, socket.getaddrinfo).status_code == 307
    assert inside.connections == 0


def test_a_name_is_resolved_once_per_connection() -> None:
    """The checked address is dialled: a second look-up would find nobody."""
    with receiving(answering(OK)) as receiver:
        resolve = resolving(["127.0.0.1"], [])
        assert _post(f"http://receiver.example:{receiver.port}/", resolve).status_code == 200
    assert b"Host: receiver.example:%d" % receiver.port in receiver.requests[0][0]


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    """Within the time of the one call."""
    with receiving(answering(OK)) as receiver:
        resolve = resolving(["::1", "127.0.0.1"])
        assert _post(f"http://receiver.example:{receiver.port}/", resolve).status_code == 200


def test_the_name_servers_time_is_part_of_the_time() -> None:
    """`getaddrinfo` knows no timeout."""
    answered = threading.Event()

    def hang(*arguments: object, **options: object) -> list[tuple[object, ...]]:
        answered.wait(30)
        return []

    started = time.monotonic()
    with ends_after(0.2), pytest.raises(NotResolved, match="name servers did not answer in time"):
        GuardedBackend(allow_private=True, resolve=hang).connect_tcp("receiver.example", 80, timeout=None)
    answered.set()
    assert time.monotonic() - started < 0.7


def test_a_host_without_an_address_is_not_resolved() -> None:
    """Whatever the resolver means by it."""
    with pytest.raises(NotResolved, match="cannot be resolved: it has no address"):
        GuardedBackend(allow_private=True, resolve=resolving([])).connect_tcp("receiver.example", 80)


def test_a_name_that_nobody_knows_is_an_error() -> None:
    """With the resolver's own words."""

    def unknown(*arguments: object, **options: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    answer = _post("https://receiver.example/", unknown)
    assert answer.error == "receiver.example cannot be resolved: Name or service not known"


def test_no_socket_file_is_dialled(tmp_path: Path) -> None:
    """Not where private addresses are allowed either."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        with pytest.raises(httpcore.ConnectError, match="not a public address"):
            GuardedBackend(allow_private=True).connect_unix_socket(str(tmp_path / "socket"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate that it signed itself, for receiver.example, in one file."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(file)]
    names = ["-subj", "/CN=receiver", "-addext", "subjectAltName=DNS:receiver.example"]
    made = subprocess.run([openssl, "req", "-x509", *key, *names, "-days", "2"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + made.stdout)
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_is_verified_for_the_name_and_not_the_address(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for receiver.example is good for that host wherever it is, and for no other."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(answering(OK), tls=tls) as receiver:
        here = resolving(["127.0.0.1"])
        assert _post(f"https://receiver.example:{receiver.port}/", here).status_code == 200
        other = _post(f"https://other.example:{receiver.port}/", here)
        bare = _post(receiver.url, here)
    assert "not accepted: Hostname mismatch" in other.error
    assert "not accepted: IP address mismatch" in bare.error
    assert len(receiver.requests) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    """Nothing of the request is sent."""
    with receiving(answering(OK), tls=tls) as receiver:
        answer = _post(f"https://receiver.example:{receiver.port}/", resolving(["127.0.0.1"]))
    assert answer.error == "TLS: the certificate is not accepted: self-signed certificate"
    assert receiver.requests == []


def test_a_receiver_that_speaks_no_tls_is_an_error() -> None:
    """In time, when it says nothing at all."""
    with receiving(lambda receiver, connection: connection.sendall(b"hello there\r\n")) as receiver:
        assert _post(f"https://127.0.0.1:{receiver.port}/", socket.getaddrinfo).error.startswith("TLS: ")
    with receiving(lambda receiver, connection: _wait_for_the_end(connection)) as receiver:
        answer = _post(f"https://127.0.0.1:{receiver.port}/", socket.getaddrinfo, timeout_seconds=0.2)
    assert answer.error == "no connection within 0.2 s"
    assert answer.duration_seconds < 0.7


def _wait_for_the_end(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def _post(url: str, resolve: Resolve, *, allow_private: bool = True, timeout_seconds: float = 5) -> Answer:
    poster = Poster(allow_private=allow_private, timeout_seconds=timeout_seconds, resolve=resolve)
    try:
        return poster.post(url, headers={}, body=b"{}")
    finally:
        poster.close()
