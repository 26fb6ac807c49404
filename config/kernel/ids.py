"""Public ids in the TypeID form: a prefix, an underscore and a UUIDv7 in lower-case Crockford base32 (26 characters).

Source: https://github.com/jetify-com/typeid/tree/main/spec (version 0.3). The UUID is what the database stores; its
128 bits as a number are what `from_number` and `to_number` speak of, without making a UUID object each time.
"""

import datetime
import uuid
from collections.abc import Iterable

import uuid_utils
import uuid_utils.compat

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TRIPLES = tuple(a + b + c for a in _ALPHABET for b in _ALPHABET for c in _ALPHABET)
"""What 15 bits look like."""
_SUFFIX_LENGTH = 26
_DIGITS = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[_ALPHABET.index(chr(byte))] if chr(byte) in _ALPHABET else ord("!")
    for byte in range(256)
)
"""From our alphabet to the one of `int(…, 32)`; all else becomes what int refuses, for it takes "_", "+" and blanks."""


def new_uuid() -> uuid.UUID:
    """A UUIDv7: ordered by creation time across processes, and strictly within one."""
    return uuid_utils.compat.uuid7()


def new(prefix: str) -> str:
    """A fresh id: "inv" → "inv_01h455vb4pex5vsknk084sn02q", ordered like `new_uuid`."""
    return from_number(prefix, uuid_utils.uuid7().int)


def earliest(prefix: str, moment: datetime.datetime) -> str:
    """The lowest id that can be made at `moment`, wall time: the bound of a range. Before 1970 it is the first."""
    return from_number(prefix, max(0, int(moment.timestamp() * 1000)) << 80)


def encode(prefix: str, value: uuid.UUID) -> str:
    """("inv", UUID) → "inv_01h455vb4pex5vsknk084sn02q"."""
    return from_number(prefix, value.int)


def decode(prefix: str, text: str) -> uuid.UUID:
    """The inverse of `encode`. Raises ValueError for another prefix, a wrong length, alphabet or an overflow."""
    return uuid.UUID(int=to_number(prefix, text))


def from_number(prefix: str, number: int) -> str:
    """The id of a UUID's 128 bits."""
    of = _TRIPLES
    return (
        f"{prefix}_{of[number >> 120][1:]}"
        f"{of[number >> 105 & 32767]}{of[number >> 90 & 32767]}{of[number >> 75 & 32767]}{of[number >> 60 & 32767]}"
        f"{of[number >> 45 & 32767]}{of[number >> 30 & 32767]}{of[number >> 15 & 32767]}{of[number & 32767]}"
    )


def to_number(prefix: str, text: str) -> int:
    """The inverse of `from_number`. Raises ValueError as `decode` does."""
    suffix = text[-_SUFFIX_LENGTH:]
    if len(text) != len(prefix) + 1 + _SUFFIX_LENGTH or not text.startswith(f"{prefix}_") or suffix[0] > "7":
        raise ValueError(f"not an id that starts with {prefix}_")
    try:
        return int(suffix.encode().translate(_DIGITS), 32)
    except ValueError:
        raise ValueError(f"not an id that starts with {prefix}_") from None


def with_prefix(prefix: str, texts: Iterable[str]) -> list[str]:
    """Those of `texts` that can be ids of rows with `prefix`; the others are nobody's."""
    return [text for text in texts if _is_id(prefix, text)]


def _is_id(prefix: str, text: str) -> bool:
    try:
        to_number(prefix, text)
    except ValueError:
        return False
    return True
