"""Public ids in the TypeID form: a prefix, an underscore and a UUIDv7 in lower-case Crockford base32 (26 characters).

Source: https://github.com/jetify-com/typeid/tree/main/spec (version 0.3). The UUID is what the database stores.
"""

import uuid

import uuid_utils.compat

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_SUFFIX_LENGTH = 26


def new_uuid() -> uuid.UUID:
    """A UUIDv7: ordered by creation time across processes, and strictly within one."""
    return uuid_utils.compat.uuid7()


def encode(prefix: str, value: uuid.UUID) -> str:
    """("inv", UUID) → "inv_01h455vb4pex5vsknk084sn02q"."""
    number = value.int
    characters = []
    for _ in range(_SUFFIX_LENGTH):
        characters.append(_ALPHABET[number & 31])
        number >>= 5
    return f"{prefix}_{''.join(reversed(characters))}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """The inverse of `encode`. Raises ValueError for another prefix, a wrong length, alphabet or an overflow."""
    head, separator, suffix = text.rpartition("_")
    if head != prefix or not separator or len(suffix) != _SUFFIX_LENGTH or suffix[0] > "7":
        raise ValueError(f"not an id that starts with {prefix}_")
    number = 0
    for character in suffix:
        if character not in _VALUES:
            raise ValueError(f"not an id that starts with {prefix}_")
        number = number << 5 | _VALUES[character]
    return uuid.UUID(int=number)
