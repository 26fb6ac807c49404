"""What waits in the inbox gets its turn now."""

from config.kernel import clock
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent


def let_time_pass() -> None:
    """Until what waits or could not be applied has been tried again, twice."""
    for _ in range(2):
        if ProviderEvent.objects.filter(status__in=["parked", "received"]).update(available_at=clock.now()):
            inbound.sweep()
