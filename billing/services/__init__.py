"""Every write to accounts, keys, plans, subscriptions and usage."""

from billing.services.api_keys import (
    ApiKeyAlreadyRevoked,
    ApiKeyNotFound,
    CreatedApiKey,
    InvalidApiKey,
    create_api_key,
    hash_secret,
    record_use,
    revoke_api_key,
)

__all__ = [
    "ApiKeyAlreadyRevoked",
    "ApiKeyNotFound",
    "CreatedApiKey",
    "InvalidApiKey",
    "create_api_key",
    "hash_secret",
    "record_use",
    "revoke_api_key",
]
