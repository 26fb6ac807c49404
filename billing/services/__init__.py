"""Every write to accounts, keys, plans, subscriptions and usage."""

from billing.services.accounts import (
    RegistrationRefused,
    register,
    rename,
)
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
from billing.services.canceling import (
    CancelScheduled,
    NotScheduled,
    When,
    cancel_subscription,
    reactivate_subscription,
)
from billing.services.changing import (
    CurrencyDiffers,
    OtherFamily,
    RenewalUnderWay,
    SamePlan,
    change_plan,
)
from billing.services.following import (
    follow_invoice,
    of_subscriptions,
)
from billing.services.locks import (
    SubscriptionNotFound,
)
from billing.services.locks import (
    find as find_subscription,
)
from billing.services.mail import (
    forget_mail,
    send_mail,
    sweep_mail,
)
from billing.services.passwords import (
    InvalidResetToken,
    WeakPassword,
    WrongPassword,
    change_password,
    request_password_reset,
    reset_password,
)
from billing.services.paying import (
    NothingDue,
    change_payment_method,
    pay_subscription,
)
from billing.services.plans import (
    DEFAULT_FAMILY,
    MAX_GRACE_DAYS,
    MAX_TRIAL_DAYS,
    InvalidPlan,
    PlanInactive,
    PlanNotFound,
    PlanTerms,
    create_plan,
    find_plan,
    update_plan,
)
from billing.services.renewing import (
    renew_due,
)
from billing.services.sessions import (
    SessionAlreadyEnded,
    SessionNotFound,
    forget_sessions,
    refresh_session,
    revoke_session,
    sign_in,
    sign_out,
)
from billing.services.subscribing import (
    AlreadySubscribed,
    NewSubscription,
    NoTrial,
    TrialUsed,
    start_trial,
    subscribe,
)

__all__ = [
    "DEFAULT_FAMILY",
    "MAX_GRACE_DAYS",
    "MAX_TRIAL_DAYS",
    "AlreadySubscribed",
    "ApiKeyAlreadyRevoked",
    "ApiKeyNotFound",
    "CancelScheduled",
    "CreatedApiKey",
    "CurrencyDiffers",
    "InvalidApiKey",
    "InvalidPlan",
    "InvalidResetToken",
    "NewSubscription",
    "NoTrial",
    "NotScheduled",
    "NothingDue",
    "OtherFamily",
    "PlanInactive",
    "PlanNotFound",
    "PlanTerms",
    "RegistrationRefused",
    "RenewalUnderWay",
    "SamePlan",
    "SessionAlreadyEnded",
    "SessionNotFound",
    "SubscriptionNotFound",
    "TrialUsed",
    "WeakPassword",
    "When",
    "WrongPassword",
    "cancel_subscription",
    "change_password",
    "change_payment_method",
    "change_plan",
    "create_api_key",
    "create_plan",
    "find_plan",
    "find_subscription",
    "follow_invoice",
    "forget_mail",
    "forget_sessions",
    "hash_secret",
    "of_subscriptions",
    "pay_subscription",
    "reactivate_subscription",
    "record_use",
    "refresh_session",
    "register",
    "rename",
    "renew_due",
    "request_password_reset",
    "reset_password",
    "revoke_api_key",
    "revoke_session",
    "send_mail",
    "sign_in",
    "sign_out",
    "start_trial",
    "subscribe",
    "sweep_mail",
    "update_plan",
]
