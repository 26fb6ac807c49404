"""What every command and worker asks before it starts: whether the publishers of the settings can be loaded."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string


def check_publishers(**_: Any) -> list[CheckMessage]:
    """An error for each that cannot: a package of an extra may not be installed."""
    return [message for name, entry in settings.EVENT_PUBLISHERS.items() for message in _load(name, entry["class"])]


def _load(name: str, dotted_path: str) -> list[CheckMessage]:
    try:
        import_string(dotted_path)
    except ImportError as error:
        hint = "What the publishers need is in requirements.txt, not in requirements-core.txt."
        return [Error(f"The publisher {name} cannot be loaded: {error}.", hint=hint, id="quittance.E005")]
    return []
