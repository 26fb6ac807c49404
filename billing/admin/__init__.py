"""Where staff look after accounts, and after what people owe for."""

from billing.admin.accounts import (
    ApiKeyAdmin,
    GroupAdmin,
    SessionAdmin,
    UserAdmin,
)
from billing.admin.usage import (
    UsageCounterAdmin,
    UsageRecordAdmin,
)

__all__ = ["ApiKeyAdmin", "GroupAdmin", "SessionAdmin", "UsageCounterAdmin", "UsageRecordAdmin", "UserAdmin"]
