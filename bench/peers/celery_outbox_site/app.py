"""The Celery app; its broker is at PEER_BROKER_URL, its tasks go to the queue `celery`."""

import os

from django_celery_outbox import OutboxCelery

app = OutboxCelery("peer", broker=os.environ["PEER_BROKER_URL"])
app.conf.task_ignore_result = True
