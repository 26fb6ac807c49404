"""What every environment shares: one module per concern."""

from config.settings.accounts import *  # noqa: F403
from config.settings.admin import *  # noqa: F403
from config.settings.api import *  # noqa: F403
from config.settings.apps import *  # noqa: F403
from config.settings.billing import *  # noqa: F403
from config.settings.celery import *  # noqa: F403
from config.settings.clock import *  # noqa: F403
from config.settings.database import *  # noqa: F403
from config.settings.events import *  # noqa: F403
from config.settings.logging import *  # noqa: F403
from config.settings.metrics import *  # noqa: F403
from config.settings.outbox import *  # noqa: F403
from config.settings.payments import *  # noqa: F403
from config.settings.retention import *  # noqa: F403
from config.settings.security import *  # noqa: F403
from config.settings.webhooks import *  # noqa: F403
