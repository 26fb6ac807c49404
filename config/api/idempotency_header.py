"""The Idempotency-Key header: read from a request, and answered on a response."""

import hashlib
import hmac
import json
import re
from typing import Any

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from config.api.idempotency import Created, IdempotencyKey
from config.api.permissions import principal_of
from config.observability import counters

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


class IdempotencyKeyMissing(ParseError):
    """The request needs a key and has none."""

    default_code = "idempotency_key_missing"
    default_detail = "Send an Idempotency-Key header: a fresh random value, such as a UUID, repeated on every retry."


class IdempotencyKeyInvalid(ParseError):
    """The key cannot be used."""

    default_code = "idempotency_key_invalid"
    default_detail = 'Send an Idempotency-Key of 1 to 255 printable ASCII characters, bare or as a quoted "string".'


def required(request: Request, operation: str) -> IdempotencyKey:
    """The request's key; raises IdempotencyKeyMissing or IdempotencyKeyInvalid (400)."""
    key = optional(request, operation)
    if key is None:
        raise IdempotencyKeyMissing()
    return key


def optional(request: Request, operation: str) -> IdempotencyKey | None:
    """The request's key, or None when it has none; raises IdempotencyKeyInvalid (400)."""
    header = request.headers.get(HEADER)
    if header is None:
        return None
    return IdempotencyKey(
        owner=principal_of(request).owner,
        operation=operation,
        digest=hashlib.sha256(parse(header).encode()).hexdigest(),
        fingerprint=fingerprint(request),
    )


def parse(header: str) -> str:
    """The key inside the header: `"abc"` (the IETF draft's structured string) and `abc` are the same key."""
    key = header.strip(" \t")
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        if quoted is None:
            raise IdempotencyKeyInvalid()
        key = re.sub(r"\\(.)", r"\1", quoted.group(1))
    if not _PRINTABLE.fullmatch(key):
        raise IdempotencyKeyInvalid()
    return key


def fingerprint(request: Request) -> str:
    """ "v1:" and an HMAC over method, path and the body as it was sent, before defaults, whatever its key order."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    message = "\n".join((request.method or "", request.path_info, body))
    return "v1:" + hmac.new(settings.FINGERPRINT_KEY.encode(), message.encode(), hashlib.sha256).hexdigest()


def answer(created: Created[Any], serializer: type[BaseSerializer[Any]]) -> Response:
    """201 for what this request created; 200 and `Idempotent-Replayed: true` for what an earlier one did."""
    data = serializer(created.row).data
    if created.is_new:
        return Response(data, status=status.HTTP_201_CREATED)
    counters.IDEMPOTENT_REPLAYS.count(created.row._meta.model_name)
    return Response(data, status=status.HTTP_200_OK, headers={REPLAYED_HEADER: "true"})
