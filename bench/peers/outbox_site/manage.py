"""`python -m bench.peers.outbox_site.manage COMMAND`: Django's commands, and `fill COUNT` for a backlog of messages."""

import json
import os
import sys

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.outbox_site.settings"
    django.setup()
    from django.core.management import execute_from_command_line

    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]), json.load(sys.stdin))
    else:
        execute_from_command_line(sys.argv)


def fill(count: int, body: object) -> None:
    from django_outbox_pattern.headers import get_message_headers
    from django_outbox_pattern.models import Published

    Published.objects.all().delete()
    messages = [Published(destination="/topic/events", body=body) for _ in range(count)]
    for message in messages:
        message.headers = get_message_headers(message)
    Published.objects.bulk_create(messages, batch_size=1000)


if __name__ == "__main__":
    main()
