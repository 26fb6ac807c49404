"""What billing's objects look like on the wire, and what is said about them."""

from billing.api.serializers.accounts import (
    LoginInput,
    LogoutInput,
    MeInput,
    PasswordChangeInput,
    PasswordResetConfirmInput,
    PasswordResetInput,
    RefreshInput,
    RegisterInput,
    TokensSerializer,
    UserSerializer,
)

__all__ = [
    "LoginInput",
    "LogoutInput",
    "MeInput",
    "PasswordChangeInput",
    "PasswordResetConfirmInput",
    "PasswordResetInput",
    "RefreshInput",
    "RegisterInput",
    "TokensSerializer",
    "UserSerializer",
]
