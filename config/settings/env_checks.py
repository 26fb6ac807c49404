"""What values of the environment are looked at for."""

import os
from pathlib import Path

MIN_SECRET_CHARACTERS = 32
MIN_DIFFERENT_CHARACTERS = 10


def may_hold_files(folder: Path) -> bool:
    """Whether it is a folder that can be written, or can be made one; not where one may not even look."""
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError:
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def is_hard_to_guess(value: str) -> bool:
    """Whether it is long and mixed enough for a secret, and none of those that everybody knows."""
    return (
        len(value) >= MIN_SECRET_CHARACTERS
        and len(set(value)) >= MIN_DIFFERENT_CHARACTERS
        and "insecure" not in value.lower()
    )
