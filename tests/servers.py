"""Private MariaDB and Redis for the tests. Standard library only: any Python ≥ 3.11 runs it.

    python tests/servers.py run -- COMMAND…     servers up, COMMAND with DATABASE_URL and REDIS_URL, servers down
    python tests/servers.py prepare             what the MariaDB driver is compiled with is there, or gets installed

DATABASE_URL or REDIS_URL that are set already are used as they are. A server that this script did not start is never
touched; what it started ends with it, however it ends.
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

MARIADB_IMAGE = "mariadb:10.11"
REDIS_IMAGE = "redis:7"
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 15
BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
BUILD_PACKAGES = ["libmariadb-dev", "pkg-config", "gcc", "python3-dev"]
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
MARIADB_OPTIONS = [
    "--character-set-server=utf8mb4",
    "--max-connections=400",
    "--innodb-buffer-pool-size=256M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-file-per-table=0",
    "--skip-log-bin",
    "--skip-name-resolve",
]
REDIS_OPTIONS = ["--save", "", "--appendonly", "no"]


class Missing(Exception):
    """Something needed is not installed; the message says what to install."""


def main(arguments: list[str]) -> int:
    """The exit status of COMMAND, or 1 with a sentence when the servers cannot be had."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        match arguments:
            case ["prepare"]:
                prepare()
                return 0
            case ["run", "--", command, *rest]:
                with contextlib.ExitStack() as stack:
                    return call([command, *rest], os.environ | urls(stack))
    except Missing as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


def _stop(number: int, frame: FrameType | None) -> None:
    """End through the context managers; a second signal does not interrupt the taking down."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def call(command: list[str], environment: dict[str, str]) -> int:
    """Run `command`, pass on the signal that ends us, and return its exit status (128 + n when a signal ended it)."""
    process = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent)
    try:
        status = process.wait()
    except BaseException:
        _end(process)
        raise
    return status if status >= 0 else 128 - status


def urls(stack: contextlib.ExitStack) -> dict[str, str]:
    """DATABASE_URL and REDIS_URL of servers that live as long as `stack`; those set by the caller stay."""
    found = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    starters = {"DATABASE_URL": (mariadb_in_docker, mariadb), "REDIS_URL": (redis_in_docker, redis)}
    wanted = [name for name in starters if name not in found]
    docker = shutil.which("docker") if wanted and docker_answers() else None
    if docker:
        with contextlib.suppress(subprocess.SubprocessError, Missing):
            return found | {name: stack.enter_context(starters[name][0]()) for name in wanted}
        print("The Docker engine could not start the servers; looking for installed ones.", file=sys.stderr)
    if wanted:
        install_servers(wanted)
    return found | {name: stack.enter_context(starters[name][1]()) for name in wanted}


# Installed binaries


@contextlib.contextmanager
def mariadb(options: Sequence[str] = ()) -> Iterator[str]:
    """A server with a data directory of its own, on the loopback interface; yields its DATABASE_URL.

    `options` override ours.
    """
    with tempfile.TemporaryDirectory(prefix="quittance-mariadb-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        command = mariadb_command(folder, port, options)
        with running(command, log=f"{folder}/log", ready=lambda: mariadb_answers(port)):
            yield f"mysql://root@127.0.0.1:{port}/quittance"


def mariadb_command(folder: str, port: int, options: Sequence[str] = ()) -> list[str]:
    """What starts a server, as often as one likes, on a data directory that is made in `folder` now."""
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    data = f"{folder}/data"
    install = [_need("mariadb-install-db", "mysql_install_db"), "--no-defaults", f"--datadir={data}", *as_root]
    _quietly([*install, "--auth-root-authentication-method=normal", "--skip-test-db"])
    server = [_need("mariadbd", "mysqld"), "--no-defaults", f"--datadir={data}", *as_root]
    place = [f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--port={port}", "--bind-address=127.0.0.1"]
    place.append(f"--tmpdir={folder}")  # a server that starts empties the one it shares with others
    return [*server, *place, *MARIADB_OPTIONS, *options]


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A server without persistence, on the loopback interface; yields its REDIS_URL."""
    with tempfile.TemporaryDirectory(prefix="quittance-redis-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        with running(redis_command(folder, port), log=f"{folder}/log", ready=lambda: redis_answers(port)):
            yield f"redis://127.0.0.1:{port}/0"


def redis_command(folder: str, port: int) -> list[str]:
    """What starts a server that keeps nothing."""
    return [_need("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, *REDIS_OPTIONS]


@contextlib.contextmanager
def running(command: Sequence[str], *, log: str, ready: Callable[[], bool]) -> Iterator["subprocess.Popen[bytes]"]:
    """A server process in a group of its own, from the moment it is ready until the block ends."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_own_group_and_die_with_parent
        )
    try:
        wait_for(ready, alive=lambda: process.poll() is None, log=pathlib.Path(log))
        yield process
    finally:
        _end(process)


def wait_for(ready: Callable[[], bool], *, alive: Callable[[], bool], log: pathlib.Path | None = None) -> None:
    """Raise Missing, with the end of the server's log, when it is not ready in time."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and alive():
        if ready():
            return
        time.sleep(0.05)
    said = "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log else ""
    raise Missing(f"A test server did not start.\n{said}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def die_with_parent() -> None:
    """On Linux the kernel ends this child when we are killed; elsewhere a SIGKILL of ours leaves it."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _own_group_and_die_with_parent() -> None:
    """A terminal's Ctrl-C must reach the servers through us only, after the tests."""
    os.setpgrp()
    die_with_parent()


def _need(*names: str) -> str:
    for name in names:
        if found := shutil.which(name, path=SEARCH_PATH):
            return found
    raise Missing(f"{names[0]} is not installed.")


def _quietly(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


# Docker


def docker_answers() -> bool:
    """Whether an engine, not only the client, is there."""
    if not shutil.which("docker"):
        return False
    with contextlib.suppress(subprocess.TimeoutExpired):
        return not subprocess.run(["docker", "version"], capture_output=True, timeout=5).returncode
    return False


@contextlib.contextmanager
def mariadb_in_docker() -> Iterator[str]:
    """As `mariadb`, in a container."""
    options = ["--tmpfs=/var/lib/mysql", "--env=MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1"]
    with container(MARIADB_IMAGE, 3306, options, MARIADB_OPTIONS, mariadb_answers) as port:
        yield f"mysql://root@127.0.0.1:{port}/quittance"


@contextlib.contextmanager
def redis_in_docker() -> Iterator[str]:
    """As `redis`, in a container."""
    with container(REDIS_IMAGE, 6379, [], ["redis-server", *REDIS_OPTIONS], redis_answers) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def container(
    image: str, port: int, options: list[str], command: list[str], answers: Callable[[int], bool]
) -> Iterator[int]:
    """A container and, in a session of its own, a guard that removes it when this process is gone; yields its port."""
    run = ["docker", "run", "--detach", "--rm", f"--publish=127.0.0.1::{port}", *options, image, *command]
    name = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
    remove = f"cat >/dev/null; docker rm --force --volumes {name} >/dev/null 2>&1"
    guard = subprocess.Popen(["sh", "-c", remove], stdin=subprocess.PIPE, start_new_session=True)
    assert guard.stdin is not None
    try:
        shown = subprocess.run(["docker", "port", name, str(port)], check=True, capture_output=True, text=True).stdout
        published = int(shown.splitlines()[0].rpartition(":")[2])
        wait_for(lambda: answers(published), alive=lambda: True)
        yield published
    finally:
        guard.stdin.close()
        guard.wait(STOP_TIMEOUT_SECONDS)


# Readiness


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def mariadb_answers(port: int) -> bool:
    """Whether the server greets: the fifth byte of its first packet is the protocol's version, 10."""
    greeting = _exchange(port, b"")
    return len(greeting) > 4 and greeting[4] == 10


def redis_answers(port: int) -> bool:
    """Whether the server answers a ping."""
    return _exchange(port, b"PING\r\n").startswith(b"+PONG")


def _exchange(port: int, request: bytes) -> bytes:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(request)
        return connection.recv(1024)
    return b""


# Installing


def install_servers(wanted: list[str]) -> None:
    """apt-get what is missing when root on Debian or Ubuntu, else raise Missing; no service is left running."""
    packages = []
    if "DATABASE_URL" in wanted and not (_has("mariadb-install-db") and _has("mariadbd")):
        packages.append("mariadb-server")
    if "REDIS_URL" in wanted and not _has("redis-server"):
        packages.append("redis-server")
    if packages:
        install(packages, why="The tests need MariaDB and Redis, or a running Docker engine.")


def prepare() -> None:
    """See that what compiles the driver is there (compiler, pkg-config, headers), or install it; Chromium if we may."""
    headers = pathlib.Path(sysconfig.get_paths()["include"], "Python.h").exists()
    libraries = ["libmariadb", "mariadb", "mysqlclient"]
    client = _has("pkg-config") and any(
        not subprocess.run(["pkg-config", "--exists", name]).returncode for name in libraries
    )
    if not (headers and client and (_has("gcc") or _has("cc"))):
        install(BUILD_PACKAGES, why="The MariaDB driver (mysqlclient) is compiled when it is installed.")
    if not any(_has(name) for name in BROWSERS):
        try:
            install(["chromium"], why="The browser tests drive Chromium.")
        except Missing as missing:
            print(f"{missing}\nWithout it they are skipped.", flush=True)


def install(packages: list[str], *, why: str) -> None:
    """Raises Missing with what to install when this is not Debian or Ubuntu, or not root."""
    if os.geteuid() != 0 or not _has("apt-get"):
        raise Missing(f"{why} Install these packages (names of Debian and Ubuntu) and try again: {' '.join(packages)}")
    print(f"Installing {' '.join(packages)} with apt-get.", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with services_kept_down(packages):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run(["apt-get", "-q", *command], env=environment, capture_output=True, text=True)
            if done.returncode and command[0] == "install":
                raise Missing(f"{why} apt-get could not install {' '.join(packages)}:\n{done.stderr[-2000:]}")


@contextlib.contextmanager
def services_kept_down(packages: list[str]) -> Iterator[None]:
    """While installing, forbid packages to start their services (Debian's policy-rc.d); then keep them from booting."""
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink()
    services = [{"mariadb-server": "mariadb"}.get(name, name) for name in packages if name.endswith("-server")]
    if services and pathlib.Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "disable", "--quiet", *services], check=False)


def _has(name: str) -> bool:
    return shutil.which(name, path=SEARCH_PATH) is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
