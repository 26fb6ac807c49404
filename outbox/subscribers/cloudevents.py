"""An event on the wire: CloudEvents 1.0 in its JSON format.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md, with the extensions
`sequence` (a string that sorts), `partitionkey` (what is ordered) and `correlationid`.
"""

from json.encoder import encode_basestring as quoted

from django.conf import settings

from outbox.subscribers.base import PublishedEvent

CONTENT_TYPE = "application/cloudevents+json"


def render(event: PublishedEvent) -> str:
    """The CloudEvent as one line of JSON, its data as stored.

    Receivers drop a `sequence` ≤ the latest they have seen of its `partitionkey`.
    """
    aggregate = quoted(event.aggregate_id)
    correlation = f'"correlationid":{quoted(event.correlation_id)},' if event.correlation_id else ""
    return (
        f'{{"specversion":"1.0","id":"{event.id}","source":{quoted(settings.EVENT_SOURCE)},"type":{quoted(event.type)},'
        f'"subject":{aggregate},"time":"{event.occurred_at}","datacontenttype":"application/json",'
        f'"sequence":"{event.sequence:020}","partitionkey":{aggregate},"shard":{event.shard},'
        f'"dataversion":{event.version},"actor":{quoted(event.actor)},{correlation}"data":{event.data}}}'
    )
