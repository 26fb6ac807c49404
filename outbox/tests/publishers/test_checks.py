"""A publisher that cannot be loaded is told at the start."""

import sys

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django.fixtures import Settings

KAFKA = {"kafka": {"class": "outbox.subscribers.kafka.KafkaPublisher", "events": ["*"], "options": {"servers": "h:1"}}}


def test_a_package_that_is_not_installed_is_an_error_of_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the check that commands and workers make before they begin, with what to do."""
    settings.EVENT_PUBLISHERS = KAFKA
    call_command("check")
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.delitem(sys.modules, "outbox.subscribers.kafka")
    with pytest.raises(
        SystemCheckError, match=r"E005\) The publisher kafka cannot be loaded: .*confluent_kafka"
    ) as told:
        call_command("check")
    assert "requirements.txt" in str(told.value)
