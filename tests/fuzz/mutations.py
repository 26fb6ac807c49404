"""Hypothesis strategies: valid documents gone wrong, in what they say and in how they are written."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

CARD = "4242 4242 4242 4242"
NUMBERS = [0, -0.0, -1, 1, 0.1, 1e21, 1e-320, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, float("inf")]
ODD_NUMBERS = [*NUMBERS, float("-inf"), float("nan"), 999_999_999_999, 1_000_000_000_000]
ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udc00x",
    "\u202e",
    "\ufeff",
    "\uffff",
    "🎟️",
    "İ",
    "ﬁ",
    "e\u0301",
    "\r\n",
    "\x7f",
    "null",
    "0",
    "-1",
    "1e3",
    "true",
    "[]",
    "{}",
    "' OR 1=1 -- ",
    "%s%d%(x)s",
    "{0}{x}",
    "${7*7}",
    "../..",
    "\\",
    '"',
    "x" * 255,
    "x" * 256,
    "é" * 5_000,
    CARD,
    "tok_visa",
    "EUR",
    "eur",
    "XXX",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "inv_01h455vb4pex5vsknk084sn02q",
    "pay_zzzzzzzzzzzzzzzzzzzzzzzzzz",
    "cus_",
    "manual",
    "simulated",
    "T24:00:00Z",
]


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


ODD_VALUES = [
    None,
    True,
    False,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    *map(_nested, [5, 31, 32, 33, 150]),
    *ODD_NUMBERS,
    *ODD_TEXTS,
]
odd_values = st.sampled_from(ODD_VALUES) | st.text(max_size=40) | st.integers() | st.floats()


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything inside `value`."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, child in children for place in [(*path, key), *_places(child, (*path, key))]]


def every_change(document: Any) -> Iterator[Any]:
    """Copies of `document` with one member taken out, or replaced by each of the odd values."""
    for *path, key in _places(document):
        for value in [_OUT, *ODD_VALUES]:
            changed = copy.deepcopy(document)
            parent = changed
            for step in path:
                parent = parent[step]
            if value is _OUT:
                del parent[key]
            else:
                parent[key] = copy.deepcopy(value)
            yield changed


_OUT = object()


def _change(draw: st.DrawFn, document: Any) -> None:
    """One member replaced, taken out, renamed or added."""
    places = _places(document)
    if not places:
        return
    *path, key = draw(st.sampled_from(places))
    parent = document
    for step in path:
        parent = parent[step]
    match draw(st.sampled_from(["replace", "replace", "replace", "delete", "rename", "add"])):
        case "replace":
            parent[key] = copy.deepcopy(draw(odd_values))
        case "delete":
            del parent[key]
        case "rename" if isinstance(parent, dict):
            parent[draw(st.sampled_from(ODD_TEXTS) | st.text(max_size=10))] = parent.pop(key)
        case "add" if isinstance(parent, dict):
            parent[draw(st.text(max_size=10))] = copy.deepcopy(draw(odd_values))
        case _:
            parent *= 2


@st.composite
def mutated(draw: st.DrawFn, document: Any, *, most: int = 3) -> Any:
    """A deep copy of `document` with up to `most` changes, anywhere in it; now and then something else altogether."""
    if draw(st.integers(0, 40)) == 0:
        return copy.deepcopy(draw(odd_values))
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, most))):
        _change(draw, changed)
    return changed


def _plain(document: Any) -> bytes:
    return json.dumps(document).encode()


def _raw_text(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def _twice(document: Any) -> bytes:
    """The first key of the outermost object once more, with another value."""
    text = json.dumps(document)
    if not isinstance(document, dict) or not document:
        return text.encode()
    return f"{text[:-1]}, {json.dumps(next(iter(document)))}: 1}}".encode()


WRITERS = [
    _plain,
    _plain,
    _plain,
    _raw_text,
    _twice,
    lambda document: b"\xef\xbb\xbf" + _plain(document),
    lambda document: b" \r\n\t" + _plain(document) + b"\n",
    lambda document: _plain(document) + b"{}",
    lambda document: json.dumps(document).encode("utf-16"),
    lambda document: json.dumps(document).encode("utf-16-le"),
    lambda document: json.dumps(document).encode("utf-32"),
    lambda document: json.dumps(document, ensure_ascii=False).encode("latin-1", "replace"),
    lambda document: json.dumps(document, ensure_ascii=False).encode("cp1252", "replace") + b"\x80",
]


@st.composite
def written(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> bytes:
    """The bytes of a document: mostly JSON in UTF-8, sometimes in another encoding or with a few bytes wrong."""
    body: bytes = draw(st.sampled_from(WRITERS))(draw(documents))
    if draw(st.integers(0, 5)) == 0:
        position = draw(st.integers(0, len(body)))
        body = body[:position] + draw(st.binary(max_size=3)) + body[position + draw(st.integers(0, 3)) :]
    return body
