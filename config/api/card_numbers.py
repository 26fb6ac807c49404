"""Finding payment card numbers in text and JSON, so that nothing ever stores or logs them.

A card number here is 13 to 19 digits, in one piece or in groups parted by blanks, dashes or invisible characters, that
pass the Luhn check, with an issuer's prefix at one of that issuer's lengths. Dots, slashes and underscores part it only
where the groups are those of a card: amounts, addresses and versions are none.

Passed over are phone numbers written with a plus, and identifiers: ours, UUIDs, and what is written in hexadecimal,
which alone of the usual alphabets has digits enough to make a card number by chance. It is known by its length and its
letters: 20 digits or more, standing alone with letters on both sides or in between, or of one case among other letters
with letters in three places. A word before or after a number is none of that ("card4242…", "4242…EUR", the "B4242…" of
a magnetic stripe), and neither is the "D" after a stripe's number, or a percent sign's "%3D" before one. A random key
of 16 hexadecimal digits looks like a card once in 20,000.
"""

import bisect
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

CODE = "card_number"
DETAIL = "Never send a card number; send the token that stands for it."
"""How every refusal for holding one reads, to programs and to people."""

_LONG = tuple(range(16, 20))
_ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (13, 16, 18, 19)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),  # Mastercard
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),  # American Express
    (6011, 6011, _LONG),  # Discover
    (644, 649, _LONG),  # Discover
    (65, 65, _LONG),  # Discover, RuPay
    (60, 60, (16,)),  # RuPay
    (62, 62, _LONG),  # UnionPay
    (81, 82, _LONG),  # UnionPay, RuPay
    (3528, 3589, _LONG),  # JCB
    (300, 305, (14, *_LONG)),  # Diners Club
    (3095, 3095, (14, *_LONG)),  # Diners Club
    (36, 36, (14, *_LONG)),  # Diners Club
    (38, 39, (14, *_LONG)),  # Diners Club
    (5018, 5018, tuple(range(13, 20))),  # Maestro
    (5020, 5020, tuple(range(13, 20))),  # Maestro
    (5038, 5038, tuple(range(13, 20))),  # Maestro
    (5893, 5893, tuple(range(13, 20))),  # Maestro
    (6304, 6304, tuple(range(13, 20))),  # Maestro
    (6759, 6763, tuple(range(13, 20))),  # Maestro
    (508, 508, (16,)),  # RuPay
    (2200, 2204, _LONG),  # Mir
    (9792, 9792, (16,)),  # Troy
)
"""First prefix, last prefix, lengths. Sources: ISO/IEC 7812 issuer ranges as the card schemes publish them."""


def _lengths_by_prefix() -> list[tuple[int, ...]]:
    found: list[set[int]] = [set() for _ in range(10_000)]
    for first, last, lengths in _ISSUERS:
        scale = 10 ** (4 - len(str(first)))
        for prefix in range(first * scale, (last + 1) * scale):
            found[prefix].update(lengths)
    return [tuple(sorted(lengths, reverse=True)) for lengths in found]


_LENGTHS = _lengths_by_prefix()
"""The lengths a number can have, longest first, by its first four digits."""

_MIN_LENGTH, _MAX_LENGTH = 13, 19
_DASHES = "\\-\u2010-\u2015\u2212"
_INVISIBLE = "\u00ad\u200b-\u200f\u2060\ufeff"
_RUN = re.compile(rf"\d(?:[\s{_DASHES}{_INVISIBLE}]{{0,3}}\d){{{_MIN_LENGTH - 1},}}")
_PRINTED = re.compile(
    r"(?<!\d)(?<!\d[./_])\d{4}"
    r"(?:([./_])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|([./_])\d{6}\2\d{4,5})"
    r"(?![./_]?\d)"
)
"""Groups as on a card, with one and the same mark between them."""
_MARK = re.compile("[./_]")
_GROUP = re.compile(r"\d+")
_ALONE = r"(?![A-Za-z0-9])"
_STRIPE = rf"\d{{{_MIN_LENGTH},{_MAX_LENGTH}}}[Dd]\d{{7,}}[Ff]?{_ALONE}"
_WORD_AND_NUMBER = rf"(?:[A-Fa-f]+\d+|\d+[A-Fa-f]*){_ALONE}"


def _among_letters(hex: str) -> str:
    return rf"(?<![0-9{hex}])(?=\d*[{hex}]+\d+[{hex}]+\d+[{hex}])[0-9{hex}]{{20,}}"


_NO_CARD = re.compile(
    rf"(?<![A-Za-z0-9%])(?!{_STRIPE})(?:"
    r"[a-z]{2,8}_[0-7][0-9a-hjkmnp-tv-z]{25}"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    rf"|(?!{_WORD_AND_NUMBER})[0-9A-Fa-f]{{20,}}"
    r"|(?=\d*[A-Za-z])[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:?\d\d:?\d\d(?:[.,]\d+)?"
    rf"){_ALONE}"
    rf"|{_among_letters('a-f')}|{_among_letters('A-F')}"
    rf"|\d{{{_MAX_LENGTH + 1},}}"
)
"""Identifiers, instants, and groups of more digits than any card has."""

_MAX_PHONE_DIGITS = 15


def find(text: str) -> list[tuple[int, int]]:
    """Where card numbers stand in `text`: (start, end) slices, in order, not overlapping."""
    return list(_cards(text))


def _cards(text: str) -> Iterator[tuple[int, int]]:
    if len(text) < _MIN_LENGTH or not (_RUN.search(text) or _PRINTED.search(text)):
        return
    hidden = _NO_CARD.sub(lambda match: "x" * len(match.group()), text)
    hidden = _PRINTED.sub(lambda match: _MARK.sub("-", match.group()), hidden)
    for run in _RUN.finditer(hidden):
        yield from _cards_in(run)


def _cards_in(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """A card number is one group of digits, or several whole ones: each group's start is tried once."""
    groups = [group.span() for group in _GROUP.finditer(run.string, *run.span())]
    starts = [0, *itertools.accumulate(end - start for start, end in groups)]
    phone = run.start() > 0 and run.string[run.start() - 1] == "+"
    if phone and starts[-1] <= _MAX_PHONE_DIGITS:
        return
    digits = _Digits(run.string[start:end] for start, end in groups)
    free_from = 0
    for (place, _), first in zip(groups, starts, strict=False):
        after = digits.card_from(first) if first >= free_from else None
        if after is not None:
            yield place, groups[bisect.bisect_left(starts, after) - 1][1]
            free_from = after


class _Digits:
    """Digits with running Luhn sums, so that each of a megabyte's many windows is checked by one subtraction."""

    def __init__(self, groups: Iterable[str]) -> None:
        parts = list(groups)
        self._text = "".join(parts)
        self._may_end = bytearray(len(self._text) + _MAX_LENGTH + 1)
        for end in itertools.accumulate(map(len, parts)):
            self._may_end[end] = True
        self._sums = [self._running_sums(doubled_from=0), self._running_sums(doubled_from=1)]

    def _running_sums(self, *, doubled_from: int) -> list[int]:
        values = list(map(int, self._text))
        values[doubled_from::2] = [digit * 2 - 9 * (digit > 4) for digit in values[doubled_from::2]]
        return [0, *itertools.accumulate(values)]

    def card_from(self, first: int) -> int | None:
        """The end of the longest card number that begins at `first` and ends where a group does."""
        for length in _LENGTHS[int(self._text[first : first + 4])]:
            end = first + length
            if self._may_end[end]:
                sums = self._sums[end % 2]
                if (sums[end] - sums[first]) % 10 == 0:
                    return end
        return None


def holds(value: object) -> bool:
    """True when the string, or the whole number, holds a card number."""
    if isinstance(value, str):
        return any(_cards(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e19:
        value = int(value)
    return isinstance(value, int) and not isinstance(value, bool) and any(_cards(str(abs(value))))


def mask_text(text: str) -> str:
    """`text` with every digit of its card numbers but the last four replaced by an asterisk."""
    parts, position = [], 0
    for start, end in find(text):
        parts += [text[position:start], _masked(text[start:end])]
        position = end
    return "".join([*parts, text[position:]])


def _masked(number: str) -> str:
    hidden = sum(map(str.isdecimal, number)) - 4
    counts = itertools.accumulate(map(str.isdecimal, number))
    return "".join(
        "*" if character.isdecimal() and count <= hidden else character
        for character, count in zip(number, counts, strict=True)
    )


def mask(value: Any) -> Any:
    """A copy of a JSON value, card numbers masked in strings, keys and numbers; a masked number becomes a string."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {mask(key): mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item) for item in value]
    if holds(value):
        return mask_text(str(int(value)))
    return value
