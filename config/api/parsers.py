"""JSON request bodies, read strictly: what two readers could take for two different things is refused."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from config.api import card_numbers
from config.kernel.errors import FieldError, Invalid

MAX_DEPTH = 32
MAX_ERRORS = 20
_MAX_INTEGER = 2**63 - 1
_TOO_LARGE = float("inf")


class MalformedJSON(ParseError):
    """The body is not the JSON object it should be."""

    default_code = "malformed_json"
    default_detail = "The body is not valid JSON."


class StrictJSONParser(BaseParser):
    """application/json in UTF-8 whose top level is an object; an empty body is an empty object.

    Raises UnsupportedMediaType (415) for another charset; MalformedJSON (400) for other encodings, syntax errors, NaN
    and Infinity, duplicate keys, nesting over 32 levels or another top level; Invalid (422) naming the fields that hold
    numbers beyond 64 bits, NUL or lone surrogate characters, or card numbers.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        _check_charset(parser_context or {})
        return read_object(stream.read())


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object that `raw` is. Raises MalformedJSON and Invalid, as StrictJSONParser does."""
    body = _decode(raw)
    if not isinstance(body, dict):
        raise MalformedJSON("Send a JSON object.")
    errors = list(itertools.islice(_unacceptable(body), MAX_ERRORS))
    if errors:
        raise _invalid(errors)
    return body


class HoldsCardNumber(Invalid):
    """The request holds a card number."""

    code = card_numbers.CODE


def _invalid(errors: list[FieldError]) -> Invalid:
    if any(error.code == card_numbers.CODE for error in errors):
        return HoldsCardNumber(card_numbers.DETAIL, errors=tuple(errors))
    return Invalid(" ".join(f"{e.field}: {e.detail}" for e in errors[:3]), errors=tuple(errors))


def _check_charset(context: Mapping[str, Any]) -> None:
    request = context.get("request")
    content_type: str = getattr(request, "content_type", None) or ""
    parameters = dict(_parameters(content_type))
    charset = parameters.get("charset", "utf-8")
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(card_numbers.mask_text(content_type), "Send application/json in UTF-8.")


def _parameters(content_type: str) -> Iterator[tuple[str, str]]:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        yield name.strip().lower(), value.strip().strip('"').lower()


def _decode(raw: bytes) -> Any:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    if not text:
        return {}
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"{error.msg}: line {error.lineno} column {error.colno}.") from None
    except RecursionError:
        raise MalformedJSON(_TOO_DEEP) from None


_TOO_DEEP = f"The body nests deeper than {MAX_DEPTH} levels."


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedJSON("An object in the body has the same key twice.", code="duplicate_key")
    return result


def _integer(text: str) -> int | float:
    """Numbers over 64 bits come back as infinity, which no JSON number is; Python itself refuses 4,301 digits."""
    value = int(text) if len(text) <= 20 else _TOO_LARGE
    return value if abs(value) <= _MAX_INTEGER else _TOO_LARGE


def _refuse_constant(name: str) -> None:
    raise MalformedJSON(f"{name} is not JSON.")


def _unacceptable(container: dict[str, Any] | list[Any], path: tuple[str | int, ...] = ()) -> Iterator[FieldError]:
    """`path` holds the keys that lead to `container`; it is written out only for what is wrong."""
    if len(path) >= MAX_DEPTH:
        raise MalformedJSON(_TOO_DEEP)
    items: Iterable[tuple[str | int, Any]] = container.items() if isinstance(container, dict) else enumerate(container)
    for key, item in items:
        if isinstance(key, str) and (wrong := _wrong_with(key)):
            yield FieldError(_dotted(*path, key), *wrong)
        if isinstance(item, dict | list):
            yield from _unacceptable(item, (*path, key))
        elif wrong := _wrong_with(item):
            yield FieldError(_dotted(*path, key), *wrong)


def _dotted(*keys: str | int) -> str:
    presentable = (card_numbers.mask_text(str(key)[:100]).encode(errors="replace").decode() for key in keys)
    return ".".join(presentable)


def _wrong_with(scalar: object) -> tuple[str, str] | None:
    """Code and detail."""
    if isinstance(scalar, float) and math.isinf(scalar):
        return "number_too_large", "Send a number that fits 64 bits."
    if isinstance(scalar, str) and "\x00" in scalar:
        return "nul_character", "Send text without NUL characters."
    if isinstance(scalar, str) and not _is_unicode(scalar):
        return "lone_surrogate", "Send text whose surrogates come in pairs."
    if card_numbers.holds(scalar):
        return card_numbers.CODE, card_numbers.DETAIL
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
