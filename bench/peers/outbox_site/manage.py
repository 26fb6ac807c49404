"""`python -m bench.peers.outbox_site.manage COMMAND`: Django's commands, and `fill COUNT` for a backlog of messages."""

from bench.peers.managing import run


def fill(count: int, body: object) -> None:
    from django_outbox_pattern.headers import get_message_headers
    from django_outbox_pattern.models import Published

    Published.objects.all().delete()
    messages = [Published(destination="/topic/events", body=body) for _ in range(count)]
    for message in messages:
        message.headers = get_message_headers(message)
    Published.objects.bulk_create(messages, batch_size=1000)


if __name__ == "__main__":
    run(settings="bench.peers.outbox_site.settings", fill=fill)
