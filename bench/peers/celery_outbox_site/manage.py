"""`python -m bench.peers.celery_outbox_site.manage COMMAND`: Django's commands, and `fill COUNT` for a backlog."""

import uuid

from bench.peers.managing import run


def fill(count: int, body: object) -> None:
    """Rows as one task that was sent leaves them."""
    from django.db import transaction
    from django_celery_outbox.models import CeleryOutbox

    from bench.peers.celery_outbox_site.app import app

    CeleryOutbox.objects.all().delete()
    with transaction.atomic():
        app.send_task("bench.event", args=[body])
    [template] = CeleryOutbox.objects.values()
    del template["id"]
    copies = [CeleryOutbox(**template | {"task_id": str(uuid.uuid4())}) for _ in range(count - 1)]
    CeleryOutbox.objects.bulk_create(copies, batch_size=1000)


if __name__ == "__main__":
    run(settings="bench.peers.celery_outbox_site.settings", fill=fill)
