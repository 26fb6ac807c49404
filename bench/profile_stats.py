"""A profile's time by function, and by owner: the app, library or server that the code belongs to."""

import cProfile
import dataclasses
import pstats
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "database (waiting)"
WAITING = ("_mysql", "<function Connection.")
"""Built-ins of the driver: nearly all of their time is waiting for the server."""

Key = tuple[str, int, str]


@dataclasses.dataclass(frozen=True)
class Function:
    """Seconds of one function, profiled: alone, and with all it called."""

    name: str
    calls: int
    own: float
    cumulative: float


@dataclasses.dataclass(frozen=True)
class Profile:
    """Every function, and own seconds by owner; a built-in's time belongs to the owners of its callers."""

    functions: list[Function]
    by_owner: dict[str, float]

    @property
    def waiting(self) -> float:
        return self.by_owner.get(DATABASE, 0.0)


def read(profile: cProfile.Profile) -> Profile:
    """What cProfile has seen."""
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    functions = []
    by_owner: dict[str, float] = {}
    for key, (_, calls, own, cumulative, callers) in stats.items():
        functions.append(Function(_named(key), calls, own, cumulative))
        for owner, seconds in _owners(key, own, callers).items():
            by_owner[owner] = by_owner.get(owner, 0.0) + seconds
    return Profile(functions, by_owner)


def _owners(key: Key, own: float, callers: dict[Key, tuple[int, int, float, float]]) -> dict[str, float]:
    if not _is_builtin(key) or not callers:
        return {owner_of(key): own}
    if any(each in key[2] for each in WAITING):
        return {DATABASE: own}
    owners: dict[str, float] = {}
    for caller, (_, _, seconds, _) in callers.items():
        owners[owner_of(caller)] = owners.get(owner_of(caller), 0.0) + seconds
    return owners


def owner_of(key: Key) -> str:
    """An app of ours, a distribution, or "python"."""
    if _is_builtin(key):
        return "python"
    path = Path(key[0])
    if path.is_relative_to(ROOT) and ".venv" not in path.parts:
        return path.relative_to(ROOT).parts[0]
    if "site-packages" in path.parts:
        inside = path.parts[path.parts.index("site-packages") + 1 :]
        return inside[0].removesuffix(".py")
    return "python"


def _is_builtin(key: Key) -> bool:
    return key[0] in ("~", "") or key[0].startswith("<")


def _named(key: Key) -> str:
    if _is_builtin(key):
        return key[2].partition(" at 0x")[0].strip("<>")
    path = Path(key[0])
    if "site-packages" in path.parts:
        shown = "/".join(path.parts[path.parts.index("site-packages") + 1 :])
    elif path.is_relative_to(ROOT):
        shown = path.relative_to(ROOT).as_posix()
    else:
        shown = path.name
    return f"{shown}:{key[1]} {key[2]}"
