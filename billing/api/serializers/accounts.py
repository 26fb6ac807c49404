"""Accounts, and the tokens that open the API for their owners."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from billing.models import Session, User
from billing.tokens import AccessToken, RefreshToken
from config.api.fields import InputSerializer
from config.api.shared_fields import OutputSerializer

MAX_PASSWORD_LENGTH = 1000
MAX_NAME_LENGTH = 99
"""Two names and a blank between them are a customer's name."""
MAX_TOKEN_LENGTH = 2000


class EmailAddressField(serializers.EmailField):
    """An e-mail address, in lower case from here on: one address in any case is one account."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data)).lower()


def _password() -> serializers.CharField:
    return serializers.CharField(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False)


def _name() -> serializers.CharField:
    return serializers.CharField(max_length=MAX_NAME_LENGTH, required=False, default="", allow_blank=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A customer",
            value={
                "email": "ada@example.com",
                "password": "correct horse battery",
                "first_name": "Ada",
                "last_name": "Lovelace",
            },
            request_only=True,
        )
    ]
)
class RegisterInput(InputSerializer):
    """POST /auth/register. A password has at least 10 characters, is not common and not like names or address."""

    email = EmailAddressField()
    password = _password()
    first_name = _name()
    last_name = _name()


class LoginInput(InputSerializer):
    """POST /auth/login."""

    email = EmailAddressField()
    password = _password()


class RefreshInput(InputSerializer):
    """POST /auth/refresh."""

    refresh = serializers.CharField(max_length=MAX_TOKEN_LENGTH)


class LogoutInput(InputSerializer):
    """POST /auth/logout: the session of the access token ends, and that of `refresh`; one good one is enough."""

    refresh = serializers.CharField(max_length=MAX_TOKEN_LENGTH, required=False)


class MeInput(InputSerializer):
    """PATCH /auth/me: only what is sent changes."""

    first_name = serializers.CharField(max_length=MAX_NAME_LENGTH, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=MAX_NAME_LENGTH, required=False, allow_blank=True)


class PasswordChangeInput(InputSerializer):
    """POST /auth/password/change."""

    current_password = _password()
    new_password = _password()


class PasswordResetInput(InputSerializer):
    """POST /auth/password/reset."""

    email = EmailAddressField()


class PasswordResetConfirmInput(InputSerializer):
    """POST /auth/password/reset/confirm: the token is in the mail."""

    token = serializers.CharField(max_length=200)
    new_password = _password()


class UserSerializer(OutputSerializer[User]):
    """Who has signed in. `customer` is what invoices call them."""

    id = serializers.CharField(read_only=True)
    email = serializers.CharField(read_only=True)
    first_name = serializers.CharField(read_only=True)
    last_name = serializers.CharField(read_only=True)
    customer = serializers.CharField(source="customer_id", read_only=True)
    created_at = serializers.DateTimeField(source="date_joined", read_only=True)

    class Meta:
        model = User
        fields = ["id", "email", "first_name", "last_name", "customer", "created_at"]
        read_only_fields = fields


class TokensSerializer(serializers.Serializer[Session]):
    """What a sign-in gives: send `access` as `Authorization: Bearer`, and `refresh` once for the next two."""

    access = serializers.SerializerMethodField()
    refresh = serializers.SerializerMethodField()
    token_type = serializers.SerializerMethodField()
    expires_in = serializers.SerializerMethodField(help_text="Seconds that `access` is good for.")
    user = UserSerializer(read_only=True)

    def get_access(self, session: Session) -> str:
        return str(AccessToken.of(session))

    def get_refresh(self, session: Session) -> str:
        return str(RefreshToken.of(session))

    def get_token_type(self, session: Session) -> str:
        return "Bearer"

    def get_expires_in(self, session: Session) -> int:
        return int(settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds())
