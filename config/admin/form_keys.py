"""A form is one wish, however often it is sent: it carries a key, minted when it is opened, as an API request does."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from config.admin.actions import ReasonForm
from config.api.idempotency import IdempotencyKey
from config.api.principals import Principal


class KeyedForm(ReasonForm):
    """A double click or a refresh sends the same key. What creates a row asks with such a form."""

    key = forms.CharField(max_length=100, widget=forms.HiddenInput)

    @classmethod
    def about(cls, obj: Any) -> dict[str, Any]:
        return super().about(obj) | {"key": secrets.token_urlsafe(24)}


def claim(*, actor: Principal, operation: str, key: str, answers: Sequence[str]) -> IdempotencyKey:
    """What the service is told: the form's `key`, and what was asked for in it, the reason aside."""
    message = json.dumps(list(answers)).encode()
    return IdempotencyKey(
        owner=actor.owner,
        operation=operation,
        digest=hashlib.sha256(key.encode()).hexdigest(),
        fingerprint="v1:" + hmac.new(settings.FINGERPRINT_KEY.encode(), message, hashlib.sha256).hexdigest(),
    )
