"""What drf-spectacular cannot see by itself: bearer keys, problem responses, headers that every operation shares.

`manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn` writes the committed document.
"""

import http
from collections.abc import Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from config.api import idempotency_header, permissions, problems
from config.kernel import correlation, money

CURRENCY = {"type": "string", "enum": sorted(money.CURRENCIES), "description": "ISO 4217.", "example": "EUR"}

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. Errors about one object carry its id in further members.",
    "required": ["type", "title", "status", "code", "detail", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "example": "about:blank"},
        "title": {"type": "string", "description": "The status in words.", "example": "Unprocessable Entity"},
        "status": {"type": "integer", "example": 422},
        "code": {"type": "string", "description": "For programs: stable.", "example": "invalid"},
        "detail": {"type": "string", "description": "For people: may change."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string", "description": "A dotted path.", "example": "lines.0.unit_amount"},
                    "code": {"type": "string", "example": "not_an_integer"},
                    "detail": {"type": "string", "description": "What to send instead."},
                },
            },
        },
        "request_id": {"type": "string", "description": "Quote it when you ask about an error."},
    },
    "additionalProperties": True,
}

_PROBLEMS: dict[int, tuple[str, str, str, str]] = {
    400: ("BadRequest", "Malformed: the JSON, the URL or a header.", "malformed_json", "The body is not valid JSON."),
    401: ("Unauthorized", "No credential, or a bad one.", "not_authenticated", "Send an API key or an access token."),
    403: (
        "Forbidden",
        "A scope is missing, or customers may not.",
        "missing_scope",
        "This needs the scope invoices:write.",
    ),
    404: ("NotFound", "No such object.", "not_found", "Nothing is here."),
    406: ("NotAcceptable", "Only JSON is answered.", "not_acceptable", "Accept application/json."),
    409: (
        "Conflict",
        "The object's state does not allow this, or an Idempotency-Key came again with other input.",
        "forbidden_transition",
        "Cannot pay invoice in paid status.",
    ),
    411: ("LengthRequired", "The body came chunked.", "length_required", "Send the body with a Content-Length."),
    413: ("PayloadTooLarge", "The body is too large.", "payload_too_large", problems.too_large()),
    415: ("UnsupportedMediaType", "The body is not JSON.", "unsupported_media_type", "Send application/json."),
    422: ("Invalid", "Well-formed and not valid: `errors` names the fields.", "invalid", "amount: Send an integer."),
    429: ("TooManyRequests", "Try again after Retry-After seconds.", "too_many_requests", "This was asked too often."),
    503: ("Unavailable", "Try again after Retry-After seconds.", "unavailable", "Try again shortly."),
}


def _header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


_REQUEST_ID = _header("The request's id: yours, or a fresh one.", "req_01h455vb4pex5vsknk084sn02q")


def _problem_response(status: int) -> dict[str, Any]:
    _, description, code, detail = _PROBLEMS[status]
    headers = {correlation.HEADER: _REQUEST_ID}
    if status in (429, 503):
        headers["Retry-After"] = _header("Seconds to wait.", str(problems.RETRY_AFTER_SECONDS))
    if status == 401:
        headers["WWW-Authenticate"] = _header("The scheme to use.", "Bearer")
    example = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    example |= {"errors": [], "request_id": "req_01h455vb4pex5vsknk084sn02q"}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": description, "headers": headers, "content": {problems.CONTENT_TYPE: content}}


COMPONENTS: dict[str, Any] = {
    "schemas": {"Currency": CURRENCY, "Problem": PROBLEM},
    "responses": {name: _problem_response(status) for status, (name, *_) in _PROBLEMS.items()},
    "parameters": {
        "RequestId": {
            "name": correlation.HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Follows the request through events and logs, and comes back on the response. What does not "
            f"match `^{correlation.PATTERN}$`, or holds a card number, is replaced by a fresh one.",
        }
    },
}


def add_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A post-processing hook: what the operations below refer to."""
    for kind, named in COMPONENTS.items():
        result["components"].setdefault(kind, {}).update(named)
    return result


class Schema(AutoSchema):
    """Adds to each operation its problems, the shared headers and the scope it needs.

    A POST that answers 201 or 200 takes an Idempotency-Key; `idempotency_key_required = True` on its view requires it.
    `body_names_objects = True` says that a POST without an id in its path answers 404 too, `query_names_objects` a GET;
    `further_problems` names the statuses of other problems: {429}.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        responses: dict[str, Any] = operation["responses"]
        for status, response in responses.items():
            response["description"] = response.get("description") or http.HTTPStatus(int(status)).phrase
            response.setdefault("headers", {})[correlation.HEADER] = _REQUEST_ID
        replays = self.method == "POST" and {"200", "201"} <= responses.keys()
        if replays:
            replayed = _header("true when an earlier request with this key had done it.", "true")
            responses["200"]["headers"][idempotency_header.REPLAYED_HEADER] = replayed
        parameters = [*operation.get("parameters", []), {"$ref": "#/components/parameters/RequestId"}]
        operation["parameters"] = [*parameters, *([self._idempotency_key()] if replays else [])]
        for parameter in operation["parameters"]:
            _refuse_empty(parameter)
        if "requestBody" in operation and getattr(self.get_request_serializer(), "alternatives", None):
            operation["requestBody"]["required"] = True
        for number in self._problem_statuses(operation):
            responses[str(number)] = {"$ref": f"#/components/responses/{_PROBLEMS[number][0]}"}
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def get_description(self) -> str:  # type: ignore[override]
        """What the view says, the scope it needs, and what customers may do."""
        scope = permissions.required_scopes(self.view).get(self.method)
        for_customers = self.method in permissions.customer_methods(self.view)
        said = [
            super().get_description() or "",
            f"Needs the scope `{scope}`." if scope else "",
            "Customers may, for what is theirs." if scope and for_customers else "",
            "For customers alone." if for_customers and not scope else "",
        ]
        return "\n\n".join(filter(None, said))

    def get_auth(self) -> list[dict[str, Any]]:
        """The schemes of those who may: back ends where there is a scope, customers where the view lets them."""
        found: list[dict[str, Any]] = super().get_auth()
        by_scheme = {
            "apiKey": self.method in permissions.required_scopes(self.view),
            "customer": self.method in permissions.customer_methods(self.view),
        }
        return [each for each in found if any(by_scheme.get(name) for name in each)]

    def _idempotency_key(self) -> dict[str, Any]:
        return {
            "name": idempotency_header.HEADER,
            "in": "header",
            "required": getattr(self.view, "idempotency_key_required", False),
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
            "description": "A fresh random value per operation, repeated on every retry of it.",
            "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
        }

    def _input_names_objects(self) -> bool:
        flag = {"POST": "body_names_objects", "GET": "query_names_objects"}.get(self.method or "")
        return flag is not None and getattr(self.view, flag, False)

    def _problem_statuses(self, operation: dict[str, Any]) -> list[int]:
        found = {
            *(400, 406, 422, 503),
            *((401, 403) if operation.get("security") else ()),
            *((404,) if "{" in self.path or self._input_names_objects() else ()),
            *((411, 413, 415) if "requestBody" in operation else ()),
            *((409,) if self.method != "GET" else ()),
            *getattr(self.view, "further_problems", ()),
        }
        return sorted(found)


def _refuse_empty(parameter: dict[str, Any]) -> None:
    """As config.api.filters does; an empty cursor asks for the first page."""
    schema = parameter.get("schema", {})
    if parameter.get("in") == "query" and schema.get("type") == "string" and parameter["name"] != "cursor":
        schema["minLength"] = 1


class InputSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Request bodies refuse fields they do not know, and may be of one of several forms."""

    target_class = "config.api.fields.InputSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        alternatives = self.target.alternatives
        forms = [_form(names, [other for other in alternatives if other is not names]) for names in alternatives]
        return dict(schema) | {"additionalProperties": False} | ({"oneOf": forms} if forms else {})


def _form(names: Sequence[str], others: Sequence[Sequence[str]]) -> dict[str, Any]:
    """All of `names`, and no other form's first."""
    return {"required": list(names), "not": {"anyOf": [{"required": [other[0]]} for other in others]}}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How API keys are sent."""

    target_class = "billing.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "qt_test_…",
            "description": "An API key of a back end: `manage.py create_api_key` makes one.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How customers send their access token."""

    target_class = "billing.authentication.SessionAuthentication"
    name = "customer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of a customer: `POST /api/v1/auth/login` gives one.",
        }
