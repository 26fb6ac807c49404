"""Who may read /metrics, and that the README tells what is there."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from config.observability import counters
from tests.architecture.source import ROOT

TOKEN = "a-token-of-more-than-32-characters"
FAMILIES = {
    each.name
    for each in vars(counters).values()
    if isinstance(each, counters.Counter | counters.Histogram | counters.LatestTime)
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "public", "sent", "status"),
    [
        ("", True, "", 200),
        ("", False, "", 404),
        ("", False, "Bearer ", 404),
        (TOKEN, True, "", 404),
        (TOKEN, True, "Bearer wrong", 404),
        (TOKEN, False, f"Bearer {TOKEN}", 200),
        (TOKEN, False, TOKEN, 404),
        (TOKEN, False, "Bearer é", 404),
    ],
)
def test_metrics_are_for_who_has_the_token(settings: Any, token: str, public: bool, sent: str, status: int) -> None:
    """Without a token they are closed, except where they are public; a refusal is a 404."""
    settings.METRICS_TOKEN, settings.METRICS_ARE_PUBLIC = token, public
    assert Client().get("/metrics", HTTP_AUTHORIZATION=sent).status_code == status


@pytest.mark.django_db
def test_a_scrape_takes_few_statements_whatever_there_is(django_assert_max_num_queries: Any) -> None:
    """Every one is answered by an index over what is waiting."""
    with django_assert_max_num_queries(6):
        response = Client().get("/metrics")
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"quittance_database_up 1.0" in response.content


@pytest.mark.django_db(transaction=True)
def test_counters_are_served_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """One gauge says so."""
    counters.WEBHOOKS.count("simulated", "processed")
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    try:
        text = Client().get("/metrics").content.decode()
    finally:
        connection.close()
    assert "quittance_webhooks_total" in text
    if connection.vendor == "mysql":
        assert "quittance_database_up 0.0" in text
        assert "quittance_outbox_lag" not in text


@pytest.mark.django_db
def test_the_readme_lists_every_metric_and_no_other() -> None:
    """Counters, timers and what the database says."""
    text = Client().get("/metrics").content.decode()
    served = set(re.findall(r"^# TYPE (quittance_\w+)", text, re.MULTILINE))
    there = {name.removesuffix("_total") for name in served | FAMILIES}
    section = Path(ROOT / "README.md").read_text(encoding="utf-8").split("## Watching it")[1].split("\n## ")[0]
    rows = section.split("| metric")[1].splitlines()[2:]
    named = {
        f"quittance_{name}" for row in rows if row.startswith("|") for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert {name.removesuffix("_total") for name in named} == there
