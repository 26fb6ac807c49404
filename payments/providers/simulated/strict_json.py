"""JSON from a stranger: what the standard library lets through and a ledger must not is refused."""

import json
from typing import Any


class NotStrictJson(ValueError):
    """Not one JSON document in UTF-8 without duplicate keys, NaN, infinite numbers, half surrogates or great depth."""


def parse(body: bytes) -> Any:
    """The document in `body`, whose shape and sizes the caller checks. Raises NotStrictJson, and nothing else."""
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique_pairs)
        # What was read must be writable again: NaN, 1e999 and half surrogates are not.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except NotStrictJson:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrictJson(f"not JSON: {type(error).__name__}") from error
    return document


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise NotStrictJson("an object has a key twice")
    return document
