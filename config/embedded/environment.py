"""What the embedded run's processes find in their environment, kept in `<data dir>/env` for restarts to find."""

import os
import secrets
import socket
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

SETTINGS = "config.settings.local"


class PortUnusable(Exception):
    """The port cannot be listened on; the message is a sentence for a person."""


def prepare(*, data_dir: Path, port: int) -> dict[str, str]:
    """Create `data_dir` (mode 700) and its `env` (mode 600) where missing; return what every process must see."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    data_dir.chmod(0o700)
    return _kept(data_dir / "env") | {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "DATABASE_URL": f"sqlite:///{data_dir / 'quittance.sqlite3'}",
        "REDIS_URL": "",
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
    }


def _kept(path: Path) -> dict[str, str]:
    """The generated values: written once, but for the simulator's port when something else has taken it."""
    found = {name: value for name, value in dotenv_values(path).items() if value} if path.exists() else {}
    generated = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FINGERPRINT_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
        "SIMULATOR_WEBHOOK_SECRETS": f"simsec_{secrets.token_hex(24)}",
        "SIMULATOR_URL": f"http://127.0.0.1:{free_port()}",
    }
    if not _is_free(found.get("SIMULATOR_URL", "")):
        found.pop("SIMULATOR_URL", None)
    if not generated.keys() <= found.keys():
        found = generated | found
        write_private(path, "".join(f"{name}={value}\n" for name, value in found.items()))
    return {name: found[name] for name in generated}


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step by a file that only its owner may read: a reader sees the old one or the new one."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def check_port(port: int) -> None:
    """Raise PortUnusable unless this process could listen on 127.0.0.1:`port` right now."""
    if not 1 <= port <= 65535:
        raise PortUnusable(f"PORT must be between 1 and 65535, not {port}.")
    try:
        _listen(port)
    except PermissionError as error:
        raise PortUnusable(f"Port {port} needs root. Choose one above 1023: make run PORT=8000") from error
    except OSError as error:
        raise PortUnusable(f"Port {port} is taken by another program. Choose another: make run PORT=8080") from error


def _is_free(url: str) -> bool:
    try:
        _listen(urlsplit(url).port or 0)
    except (OSError, ValueError):
        return False
    return bool(url)


def free_port() -> int:
    """A port on the loopback interface that nobody listens on at this moment."""
    return _listen(0)


def _listen(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen(1)
        chosen: int = probe.getsockname()[1]
        return chosen
