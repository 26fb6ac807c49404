"""Who acts when an operator runs a command."""

import getpass

from config.api import principals
from config.api.principals import Principal

MAX_NAME_LENGTH = 100


def operator(command: str) -> Principal:
    """The account of the operating system, as far as it can be told: "system:outbox_cursor:ada"."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = "somebody"
    return principals.system(f"{command}:{name[:MAX_NAME_LENGTH]}")
