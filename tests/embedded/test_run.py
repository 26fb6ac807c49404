import json
import re
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest

from config.embedded.environment import free_port
from tests.embedded.conftest import StartRun
from tests.embedded.runs import Run, processes_named, processes_of, until


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_run_prints_a_timeline_that_ends_in_paid(standing: Run) -> None:
    """Whoever types `make run` sees a payment settled, told twice and told late, and the invoice stay paid."""
    lines = standing.output.splitlines()
    timeline = lines[next(number for number, line in enumerate(lines) if "One payment" in line) :]
    assert any("invoice.paid" in line for line in timeline)
    assert any("sent twice" in line and line.endswith("duplicate") for line in timeline)
    assert any("charge.pending" in line and line.endswith("ignored") for line in timeline)
    (end,) = [line for line in timeline if re.match(r"invoice +inv_", line)]
    assert end.endswith("1250 EUR  paid")


def test_every_process_runs_and_is_healthy(standing: Run) -> None:
    """Web, worker, beat and simulator are processes of their own, and the health page says ok."""
    for word in ("granian", "worker", "beat", "provider_simulator"):
        assert processes_named(standing.data_dir, word), word
    answer = httpx.get(f"{standing.credentials['base_url']}/health", trust_env=False)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_credentials_are_whole_and_private(standing: Run) -> None:
    """The file has what the issue promises, and only its owner can read it or anything beside it."""
    assert set(standing.credentials) == {
        "base_url",
        "api_key",
        "webhook_secret",
        "admin_url",
        "admin_user",
        "admin_password",
    }
    assert standing.credentials["base_url"] == f"http://127.0.0.1:{standing.port}"
    assert standing.credentials["api_key"].startswith("qt_test_")
    assert mode_of(standing.data_dir) == 0o700
    assert mode_of(standing.data_dir / "credentials.json") == mode_of(standing.data_dir / "env") == 0o600


def test_the_admin_password_opens_the_admin(standing: Run) -> None:
    """The staff credentials of the file sign in, and the admin has its style sheet."""
    credentials = standing.credentials
    with httpx.Client(base_url=credentials["base_url"], trust_env=False, follow_redirects=True) as client:
        login = client.get("/admin/login/")
        token = client.cookies["csrftoken"]
        form = {"username": credentials["admin_user"], "password": credentials["admin_password"]}
        page = client.post("/admin/login/?next=/admin/", data=form | {"csrfmiddlewaretoken": token})
        assert page.status_code == 200
        assert "Log out" in page.text
        styles = re.findall(r'href="(/[^"]+\.css)"', login.text)
        assert {"/static/unfold/css/styles.css", "/static/admin/quittance.css"} <= set(styles)
        assert {client.get(style).status_code for style in styles} == {200}


def test_a_second_run_on_the_same_data_is_refused(standing: Run) -> None:
    """One sentence, a failing status, and the first run goes on."""
    second = Run(standing.data_dir)
    assert second.wait() == 1
    assert "already runs" in second.output
    assert len(second.output.strip().splitlines()) == 1
    assert standing.process.poll() is None


def test_a_taken_port_is_said_in_one_sentence(start: StartRun) -> None:
    """No stack trace, a failing status, nothing started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(port=port)
        assert run.wait() == 1
    assert f"Port {port} is taken" in run.output
    assert len(run.output.strip().splitlines()) == 1
    assert processes_of(run.data_dir) == []


@pytest.mark.parametrize("word", ["granian", "worker", "beat", "provider_simulator"])
def test_a_child_that_dies_is_started_again_and_said(standing: Run, word: str) -> None:
    """The run repairs itself: a killed process is back in seconds, with what it left behind cleared away."""
    name = {"granian": "web", "provider_simulator": "simulator"}.get(word, word)
    before = {each.pid for each in processes_named(standing.data_dir, word)}
    said = standing.output.count(f"{name} was ended by SIGKILL")
    for each in processes_named(standing.data_dir, word)[:1]:
        each.kill()

    def back() -> bool:
        now = {each.pid for each in processes_named(standing.data_dir, word)}
        return bool(now) and not now & before

    assert until(back, seconds=20)
    assert standing.output.count(f"{name} was ended by SIGKILL") == said + 1
    assert until(lambda: _health(standing) == 200, seconds=20)


def _health(run: Run) -> int:
    try:
        return httpx.get(f"{run.credentials['base_url']}/health", trust_env=False, timeout=2).status_code
    except httpx.HTTPError:
        return 0


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], pytest.param([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], marks=pytest.mark.long)],
)
def test_ending_leaves_no_process_and_the_data_starts_again(start: StartRun, signals: list[signal.Signals]) -> None:
    """INT, TERM and HUP each end everything with status 0; the next run has the same keys and finds the invoices."""
    port, seen = free_port(), []
    for number in signals:
        run = start(port=port).wait_until_ready()
        seen.append(run.credentials)
        assert run.end(number) == 0
        assert processes_of(run.data_dir) == []
        assert "Stopped." in run.output
    assert seen == [seen[0]] * len(signals)
    run = start(port=free_port()).wait_until_ready()
    assert run.credentials["api_key"] == seen[0]["api_key"]
    assert run.credentials["admin_password"] == seen[0]["admin_password"]
    assert run.credentials["base_url"] != seen[0]["base_url"]
    headers = {"Authorization": f"Bearer {run.credentials['api_key']}"}
    listed = httpx.get(f"{run.credentials['base_url']}/api/v1/invoices", headers=headers, trust_env=False).json()
    assert [invoice["status"] for invoice in listed["data"]] == ["paid"] * (len(signals) + 2)


def test_a_killed_supervisor_takes_its_children_with_it(start: StartRun) -> None:
    """After SIGKILL nothing is left that holds the port, so the next run simply starts."""
    run = start().wait_until_ready()
    assert run.end(signal.SIGKILL) == -signal.SIGKILL
    assert until(lambda: processes_of(run.data_dir) == [], seconds=20), processes_of(run.data_dir)
    again = start(port=run.port).wait_until_ready()
    assert again.credentials == run.credentials


def test_a_signal_while_starting_ends_it_too(start: StartRun) -> None:
    """Ctrl-C before anything is ready leaves nothing either."""
    run = start()
    assert until(lambda: processes_named(run.data_dir, "granian"), seconds=60)
    assert run.end(signal.SIGINT) == 0
    assert processes_of(run.data_dir) == []


def test_lost_credentials_are_made_anew(standing: Run, start: StartRun, tmp_path: Path) -> None:
    """Whoever deletes the file gets another key and another password, and both work."""
    first, data = standing.credentials, tmp_path / "data"
    (data / "credentials.json").write_text("{}")
    again = start().wait_until_ready()
    assert again.credentials["api_key"] != first["api_key"]
    assert again.credentials["admin_password"] != first["admin_password"]
    assert again.credentials["webhook_secret"] == first["webhook_secret"]
    assert json.loads((data / "credentials.json").read_text()) == again.credentials
