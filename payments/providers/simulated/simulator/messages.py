"""The simulator's HTTP without sockets: requests in, answers, refusals and lost answers out."""

import dataclasses
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Literal

from payments.providers.simulated.strict_json import NotStrictJson, parse

MAX_AMOUNT = 999_999_999_999
MAX_PAGE = 100
_CURRENCY = re.compile(r"[A-Z]{3}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_NO_CONTROL = re.compile(r"[^\x00-\x1f\x7f]*")

Accident = Literal["hang", "server_error", "garbage"]


@dataclasses.dataclass(frozen=True)
class Request:
    """Header names are lower case. `path` is as sent, without the query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclasses.dataclass(frozen=True)
class Answer:
    """`body` is JSON, or, for nonsense, bytes."""

    status: int
    body: dict[str, Any] | bytes

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def request_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """`target` is a path with an optional query."""
    path, _, query = target.partition("?")
    values = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    return Request(method, path, values, {name.lower(): value for name, value in headers.items()}, body)


def error(status: int, type: str, code: str, message: str, **extra: Any) -> Answer:
    return Answer(status, {"error": {"type": type, "code": code, "message": message, **extra}})


class Refused(Exception):
    """The request was looked at and refused; nothing happened. `status` is the HTTP status of the answer."""

    def __init__(self, status: int, type: str, code: str, message: str) -> None:
        self.status = status
        self.type = type
        self.code = code
        self.message = message
        super().__init__(message)


class LostAnswer(Exception):
    """The caller is to get no answer, a 500 or nonsense. `done` says whether the request took effect all the same."""

    def __init__(self, accident: Accident, *, done: bool) -> None:
        self.accident: Accident = accident
        self.done = done
        super().__init__(f"{accident} {'after' if done else 'before'} the request took effect")


def invalid(code: str, message: str) -> Refused:
    return Refused(400, "invalid_request_error", code, message)


def missing(message: str) -> Refused:
    return Refused(404, "invalid_request_error", "resource_missing", message)


class Fields:
    """The fields of a JSON body, each taken once; `finish` refuses what nobody took."""

    def __init__(self, request: Request) -> None:
        """Raises Refused unless the body is a JSON object."""
        self._values = _object_of(request)

    def text(self, name: str, *, default: str | None = None, max_length: int = 200) -> str:
        value = self._values.pop(name, default)
        if not isinstance(value, str) or len(value) > max_length or not _NO_CONTROL.fullmatch(value):
            raise _wrong(name, f"must be a text of at most {max_length} characters")
        if not value and default is None:
            raise _wrong(name, "must not be empty")
        return value

    def free_text(self, name: str, *, max_length: int) -> str:
        """May be missing, may hold anything."""
        value = self._values.pop(name, "")
        if not isinstance(value, str) or len(value) > max_length:
            raise _wrong(name, f"must be a text of at most {max_length} characters")
        return value

    def currency(self, *, default: str | None = None) -> str:
        value = self.text("currency", default=default)
        if value != default and not _CURRENCY.fullmatch(value):
            raise _wrong("currency", "must be a three-letter code in upper case")
        return value

    def amount(self) -> int:
        value = self.optional_amount()
        if value is None:
            raise _wrong("amount", "must be an integer of minor units")
        return value

    def optional_amount(self) -> int | None:
        value = self._values.pop("amount", None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_AMOUNT:
            raise _wrong("amount", f"must be an integer of minor units from 1 to {MAX_AMOUNT}")
        return value

    def count(self, name: str, *, default: int, upper: int) -> int:
        value = self._values.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= upper:
            raise _wrong(name, f"must be an integer from 1 to {upper}")
        return value

    def one_of(self, name: str, *choices: str) -> str:
        value = self._values.pop(name, None)
        if value not in choices:
            raise _wrong(name, f"must be {' or '.join(choices)}")
        return str(value)

    def part(self, name: str) -> dict[str, Any]:
        value = self._values.pop(name, None)
        if not isinstance(value, dict):
            raise _wrong(name, "must be an object")
        return value

    def rest(self) -> dict[str, Any]:
        """Everything not yet taken."""
        values, self._values = self._values, {}
        return values

    def finish(self) -> None:
        for name in self._values:
            raise invalid("parameter_unknown", f"There is no parameter {name[:50]!r}.")


def key_of(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise invalid("idempotency_key_missing", "Send an Idempotency-Key header of 1 to 255 printable characters.")
    return key


def number_of(request: Request, name: str, *, default: int, upper: int = 2**62) -> int:
    """A whole number from the query."""
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) > upper:
        raise _wrong(name, f"must be a number from 0 to {upper}")
    return int(text)


def _object_of(request: Request) -> dict[str, Any]:
    try:
        values = parse(request.body) if request.body else {}
    except NotStrictJson as problem:
        raise invalid("malformed_json", f"The body is {problem}.") from problem
    if not isinstance(values, dict):
        raise invalid("malformed_json", "The body must be a JSON object.")
    return values


def _wrong(name: str, message: str) -> Refused:
    return invalid("parameter_invalid", f"{name} {message}.")
