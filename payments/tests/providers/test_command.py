"""`manage.py provider_simulator` as the process it is."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.settings.env import BASE_DIR
from config.tests import production
from payments.providers.base import ChargeRequest, Succeeded
from payments.tests.providers.conftest import provider_at

NO_DATABASE = {"DATABASE_URL": "mysql://nobody@127.0.0.1:9/nothing", "REDIS_URL": ""}


def started(*options: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, BASE_DIR / "manage.py", "provider_simulator", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | NO_DATABASE | (environment or {}),
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = started("--port", "0", "--port-file", str(tmp_path / "port"), "--state", str(tmp_path / "state"))
    yield process
    process.kill()
    process.communicate()


def address_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line: str = process.stdout.readline()
    return line.split()[-1]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_it_is_told_to_stop(
    running: "subprocess.Popen[str]", tmp_path: Path, ending: signal.Signals
) -> None:
    """Without any database; its port is in the file, its last word is an exit code of 0."""
    address = address_of(running)
    assert address.endswith(":" + (tmp_path / "port").read_text())
    with urllib.request.urlopen(f"{address}/control/health") as response:
        assert response.status == 200
    running.send_signal(ending)
    assert running.wait(timeout=10) == 0


def test_only_this_machine_reaches_it_unless_a_host_is_given(running: "subprocess.Popen[str]") -> None:
    """Its control API has no password, so it listens on the loopback interface; --help says so."""
    assert address_of(running).startswith("http://127.0.0.1:")
    with started("--help") as process:
        told = " ".join(process.communicate(timeout=30)[0].split())
    assert "control API has no password" in told
    open_to_all = started("--port", "0", "--host", "0.0.0.0")
    try:
        assert address_of(open_to_all).startswith("http://0.0.0.0:")
    finally:
        open_to_all.kill()
        open_to_all.communicate()


def test_it_remembers_after_a_kill(running: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """SIGKILL between the charge and its repetition: still one charge."""
    request = ChargeRequest("pay_1", 100, "EUR", "tok_visa")
    first = provider_at(address_of(running), timeout_seconds=5)
    charge = first.charge(request)
    first.close()
    running.kill()
    running.wait()
    again = started("--port", "0", "--state", str(tmp_path / "state"))
    try:
        second = provider_at(address_of(again), timeout_seconds=5)
        assert isinstance(charge, Succeeded)
        assert second.charge(request) == charge
        second.close()
    finally:
        again.kill()
        again.communicate()


def failure(*options: str, environment: dict[str, str] | None = None) -> str:
    process = started(*options, environment=environment)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    return stderr


def test_it_refuses_production() -> None:
    """Invented money has no place there."""
    environment = production.GOOD | {"DJANGO_SETTINGS_MODULE": production.SETTINGS}
    assert "invents money" in failure(environment=environment)
    assert "invents money" in failure(environment={"PROVIDERS": "manual"})


def test_it_says_what_is_wrong_with_its_options(running: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """A taken port, an impossible port, a dial out of range, a state file in use."""
    address = address_of(running)
    assert "Cannot listen" in failure("--port", address.rpartition(":")[2])
    for options, said in ((["--port", "99999"], "Cannot listen"), (["--port", "0", "--drop", "2"], "drop must be")):
        with pytest.raises(CommandError, match=said):
            call_command("provider_simulator", *options)
    started_at = time.monotonic()
    assert "in use" in failure("--port", "0", "--state", str(tmp_path / "state"))
    assert time.monotonic() - started_at < 20
