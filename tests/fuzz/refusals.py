"""What the API refuses although its document seems to allow it: each with the reason why the document cannot say it.

A refusal excuses a failed `positive_data_acceptance` of schemathesis, and nothing else, when every error of the answer
is listed for that operation. No check is switched off.
"""

import dataclasses
from typing import Any

EVERY = "*"


@dataclasses.dataclass(frozen=True)
class Refusal:
    """`operation` as "POST /api/v1/invoices", or EVERY; `field` of a 422's error, "" for a problem without any."""

    operation: str
    field: str
    code: str
    reason: str


_IS_A_RULE = "a rule over two fields, in the description"
_IS_A_SUM = "a limit on the sum"
_OF_THE_PAYMENT = "only the payment knows its currency"
_IS_NO_ADDRESS = "a URI that nothing can be posted to"
_IS_NO_METHOD = "an id of none of the customer's payment methods"
_IS_NO_MAILBOX = "an e-mail address that mail does not reach"
_IS_NO_TYPE = "a pattern that no type of event has"

REFUSALS = [
    Refusal(EVERY, "", "malformed_url", "NUL in a URL, which no database compares with"),
    Refusal(EVERY, "", "idempotency_key_invalid", "blank, or an unfinished quoted string: two notations in one header"),
    Refusal(EVERY, EVERY, "nul_character", "NUL in a text, which not every database stores"),
    Refusal(EVERY, EVERY, "card_number", "what looks like a card number is refused wherever it stands"),
    Refusal(EVERY, EVERY, "blank", "nothing but white space, which is trimmed"),
    Refusal(EVERY, EVERY, "out_of_range", "an instant of the years 1 or 9999, which other time zones put outside them"),
    Refusal("GET /api/v1/customers", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/customers/{customer_id}/credits", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/invoices", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/payments", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/payment-methods", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/refunds", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/receipts", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/disputes", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/events", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/webhook-endpoints", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries", "cursor", "invalid_cursor", "opaque"),
    Refusal("POST /api/v1/webhook-endpoints/{endpoint_id}/deliveries/resend", "cursor", "invalid_cursor", "opaque"),
    Refusal("POST /api/v1/webhook-endpoints/{endpoint_id}/rotate", "", "too_many_secrets", "a limit on repetition"),
    Refusal("POST /api/v1/webhook-endpoints", "url", "webhook_url_refused", _IS_NO_ADDRESS),
    Refusal("PATCH /api/v1/webhook-endpoints/{endpoint_id}", "url", "webhook_url_refused", _IS_NO_ADDRESS),
    Refusal("POST /api/v1/webhook-endpoints", EVERY, "unknown_event_type", _IS_NO_TYPE),
    Refusal("PATCH /api/v1/webhook-endpoints/{endpoint_id}", EVERY, "unknown_event_type", _IS_NO_TYPE),
    Refusal("GET /api/v1/plans", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/subscriptions", "cursor", "invalid_cursor", "opaque"),
    Refusal("GET /api/v1/subscriptions/me", "cursor", "invalid_cursor", "opaque"),
    *(
        Refusal(operation, EVERY, "invalid_feature", "the names and shapes of features, in the description")
        for operation in ("POST /api/v1/plans", "PATCH /api/v1/plans/{plan_id}")
    ),
    *(
        Refusal(operation, field, code, reason)
        for operation in ("POST /api/v1/subscriptions", "POST /api/v1/subscriptions/trial")
        for field, code, reason in (
            ("customer", "required", "back ends name one, customers are one"),
            ("time_zone", "unknown_time_zone", "the names of time zones"),
            ("", "payment_method_not_found", _IS_NO_METHOD),
        )
    ),
    *(
        Refusal(f"{method} /api/v1/subscriptions/{{subscription_id}}", field, "invalid", _IS_A_RULE)
        for method in ("PATCH", "PUT")
        for field in ("when", "provider")
    ),
    Refusal("POST /api/v1/subscriptions/{subscription_id}/cancel", "credit_unused", "invalid", _IS_A_RULE),
    *(
        Refusal(operation, "customer", "required", "back ends name one, customers are one")
        for operation in ("POST /api/v1/usage/use", "GET /api/v1/usage/me", "GET /api/v1/usage/limits")
    ),
    Refusal("POST /api/v1/usage/use", "feature_name", "unknown_feature", "what the customer's plans hold"),
    Refusal("POST /api/v1/invoices", "lines", "too_large", _IS_A_SUM),
    Refusal("POST /api/v1/invoices", "amount", "too_large", _IS_A_SUM),
    Refusal("POST /api/v1/invoices", "customer", "not_found", "names an object that is not there"),
    Refusal("POST /api/v1/invoices/{invoice_id}/pay", "payment_method", "required", _IS_A_RULE),
    Refusal("POST /api/v1/invoices/{invoice_id}/pay", "", "payment_method_not_found", _IS_NO_METHOD),
    Refusal("POST /api/v1/payments", "", "payment_method_not_found", _IS_NO_METHOD),
    Refusal("POST /api/v1/payment-methods", "customer", "required", "a rule about who asks, in the description"),
    Refusal("POST /api/v1/payment-methods", "", "payment_method_unknown", "only the provider knows its tokens"),
    Refusal("POST /api/v1/payments/{payment_id}/refund", "", "refund_currency_differs", _OF_THE_PAYMENT),
    Refusal("POST /api/v1/payments/{payment_id}/refund", "currency", "refund_currency_differs", _OF_THE_PAYMENT),
    Refusal("POST /api/v1/payments", "payment_method", "required", _IS_A_RULE),
    Refusal("POST /api/v1/payments", "description", "invalid", _IS_A_RULE),
    Refusal("POST /api/v1/auth/register", "", "registration_refused", "who has an address is nobody's business"),
    Refusal("POST /api/v1/auth/register", "email", "invalid", _IS_NO_MAILBOX),
    Refusal("POST /api/v1/auth/login", "email", "invalid", _IS_NO_MAILBOX),
    Refusal("POST /api/v1/auth/password/reset", "email", "invalid", _IS_NO_MAILBOX),
    Refusal("POST /api/v1/auth/password/reset/confirm", "token", "invalid_reset_token", "only mail holds good ones"),
    Refusal("POST /api/v1/auth/password/change", "current_password", "wrong_password", "only its owner knows it"),
    *[
        Refusal(f"POST /api/v1/auth/{path}", field, f"password_{code}", "how hard it is to guess")
        for path, field in (("register", "password"), ("password/change", "new_password"))
        for code in ("too_short", "too_common", "too_similar", "entirely_numeric")
    ],
]


def excusing(operation: str, problem: dict[str, Any]) -> list[Refusal]:
    """The refusals that together excuse `problem`; none when one of its errors is not listed."""
    errors = [(error["field"], error["code"]) for error in problem["errors"]] or [("", problem["code"])]
    found = [_listed(operation, field, code) for field, code in errors]
    return [] if None in found else [refusal for refusal in found if refusal is not None]


def _listed(operation: str, field: str, code: str) -> Refusal | None:
    for refusal in REFUSALS:
        of_operation = refusal.operation in (EVERY, operation)
        if of_operation and refusal.code == code and refusal.field in (EVERY, field):
            return refusal
    return None
