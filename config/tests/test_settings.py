"""Settings as processes read them: each test is a process of its own with an environment of its own."""

import ast
import os
import re
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from config.settings.env import BASE_DIR, Env, StrictEnv, read
from config.tests.production import GOOD
from config.tests.production import SETTINGS as PRODUCTION
from config.tests.servers import granian

GUESSABLE = [
    "",
    GOOD["SECRET_KEY"][:31],
    "a" * 64,
    "insecure-and-for-local-use-only",
    "django-insecure-" + GOOD["SECRET_KEY"],
]
REFUSED = [
    *[("SECRET_KEY", value) for value in GUESSABLE],
    *[("FINGERPRINT_KEY", value) for value in GUESSABLE],
    ("FINGERPRINT_KEY", GOOD["SECRET_KEY"]),
    *[("JWT_SIGNING_KEY", value) for value in GUESSABLE],
    *[("JWT_SIGNING_KEY", GOOD[name]) for name in ("SECRET_KEY", "FINGERPRINT_KEY")],
    *[("JWT_OLD_SIGNING_KEYS", f"{GOOD['DATABASE_URL']},{value}") for value in GUESSABLE[1:]],
    *[("JWT_OLD_SIGNING_KEYS", GOOD[name]) for name in ("SECRET_KEY", "FINGERPRINT_KEY", "JWT_SIGNING_KEY")],
    *[
        ("EMAIL_URL", url)
        for url in [
            "",
            "file:",
            "file:/tmp/mail",
            "console:",
            "smtp://",
            "http://h",
            "smtp://u:hun#ter2@h",
            "smtp://h/x",
        ]
    ],
    *[("EMAIL_URL", url) for url in ["smtp://u:hun[ter2@h", "smtps://h:port", "smtp://h?x=1"]],
    ("EMAIL_FROM", ""),
    ("PASSWORD_RESET_URL", "shop.example/reset"),
    ("JWT_ACCESS_SECONDS", "59"),
    ("JWT_REFRESH_SECONDS", "never"),
    ("ALLOWED_HOSTS", ""),
    *[("ALLOWED_HOSTS", f"pay.example.com,{host}") for host in ["*", "*.example.com", "https://a.example", "a:8000"]],
    *[("ALLOWED_HOSTS", host) for host in [".", "a.example/path", "two words", "a_b"]],
    ("DATABASE_URL", ""),
    *[("DATABASE_URL", url) for url in ["sqlite:///x.sqlite3", "sqlite://:memory:", "postgres://u@h/x", "nonsense"]],
    *[("DATABASE_URL", url) for url in ["mysql://u:hunter2@h", "mysql://u:hun#ter2@h/x", "mysql://u@h:port/x"]],
    *[("DATABASE_URL", url) for url in ["mysql://u:hun[ter2]@h/x", "mysql://u:hunter２＠b@h/x"]],
    *[
        ("REDIS_URL", url)
        for url in ["redis://h:port/0", "redis://:hun#ter2@h/0", "redis://:hun[ter2@h/0", "redis://:@/0"]
    ],
    *[("REDIS_URL", url) for url in ["", "amqp://h", "redis://", "redis://h/x", "localhost:6379"]],
    *[("PROVIDERS", names) for names in ["simulated", "manual,simulated", "bank", ","]],
    *[("DEFAULT_PROVIDER", name) for name in ["simulated", "bank"]],
    *[("PUBLISH_TO_REDIS_URL", url) for url in ["redis://:hun#ter2@h/0", "localhost:6379", "amqp://h"]],
    *[("PUBLISH_TO_REDIS_MAX_LENGTH", number) for number in ["-1", "many"]],
    *[("PUBLISH_TO_RABBITMQ_URL", url) for url in ["redis://h", "amqp://u:hunter2@", "amqp://u:hun[ter2@h:x/"]],
    *[("PUBLISH_TO_KAFKA_SERVERS", servers) for servers in ["h", "h:9092, i:9092", "kafka://h:9092", "h:port"]],
    *[("PUBLISH_TO_KAFKA_SETTINGS", text) for text in ["{", '["hunter2"]', '"hunter2"']],
    ("SIMULATOR_URL", "http://simulator:8001"),
    ("SIMULATOR_WEBHOOK_SECRETS", GOOD["SECRET_KEY"]),
    *[("METRICS_TOKEN", value) for value in GUESSABLE[1:]],
    *[("PROMETHEUS_MULTIPROC_DIR", folder) for folder in [__file__, f"{__file__}/below"]],
    *[("TEST_CLOCK", value) for value in ["perhaps", "1", "True"]],
    *[("DEBUG", value) for value in ["1", "True", "*"]],
    *[("CSRF_TRUSTED_ORIGINS", origin) for origin in ["a.example", "http://a.example", "https://*", "https://a/b"]],
    ("TRUST_PROXY", "perhaps"),
    ("HSTS_INCLUDE_SUBDOMAINS", "2"),
    ("LOG_FORMAT", "yaml"),
    ("PORT", "http"),
]
NEEDED = {
    *("SECRET_KEY", "FINGERPRINT_KEY", "JWT_SIGNING_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"),
    *("EMAIL_URL", "EMAIL_FROM"),
}
FIRST = dict(reversed(REFUSED))
"""One wrong value for each variable that can be wrong."""


def run(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def load(environment: dict[str, str], *, settings: str = PRODUCTION, tell: str = "") -> str:
    """What `tell`, an expression over `settings`, prints; or the message that settings ended the process with."""
    program = f"from django.conf import settings; print({tell or 'settings.DEBUG'})"
    ended = run("-c", program, environment=environment | {"DJANGO_SETTINGS_MODULE": settings})
    assert "Traceback" not in ended.stderr, ended.stderr
    assert (ended.returncode == 0) == (not ended.stderr), ended
    return ended.stdout.strip() or ended.stderr


def named(message: str) -> list[str]:
    """The variables that a message complains about; fails when it is none of ours."""
    lines = message.splitlines()
    assert lines[0] == "The environment cannot be used."
    assert lines[-1] == "Every variable is explained in docs/configuration.md."
    return [line.partition(":")[0] for line in lines[1:-1]]


def test_production_starts_with_a_good_environment() -> None:
    """What the refusals below are measured against; money moves by hand until a provider is real."""
    tell = "settings.DEBUG, settings.DEFAULT_PROVIDER, [*settings.PROVIDERS], settings.ALLOWED_HOSTS[0]"
    assert load(GOOD, tell=tell) == "False manual ['manual'] pay.example.com"


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_production_refuses_each_by_name_and_keeps_it_secret(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a variable holds is not printed where it may be a secret."""
    for other in Env.model_fields:
        monkeypatch.delenv(other.upper(), raising=False)
    for other, set_to in (GOOD | {name: value}).items():
        monkeypatch.setenv(other, set_to)
    with pytest.raises(SystemExit) as ended:
        read(StrictEnv)
    message = str(ended.value)
    assert named(message) == [name]
    for secret in {"hunter2", "hun#ter2", "ter2", "hunter２", *GOOD.values(), *GUESSABLE[2:]} - {""}:
        assert secret not in message


def test_production_names_everything_wrong_in_one_message() -> None:
    """One variable at a time would be one failed deployment at a time."""
    assert sorted(named(load(FIRST))) == sorted(FIRST)
    assert len(FIRST) == 30


def test_an_empty_environment_is_refused_for_all_it_lacks() -> None:
    """The image without configuration tells what to configure."""
    message = load({})
    assert set(named(message)) == NEEDED


def test_a_misspelt_name_is_pointed_out() -> None:
    """Unknown variables belong to other programs, unless one looks like what is missing."""
    message = load({name.replace("HOSTS", "HOST"): value for name, value in GOOD.items()})
    assert named(message) == ["ALLOWED_HOSTS"]
    assert "There is ALLOWED_HOST: was that meant?" in message


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "migrate"],
        ["manage.py", "relay_outbox"],
        ["-m", "celery", "--app", "config", "worker", "--pool", "solo"],
        ["-m", "celery", "--app", "config", "beat"],
        ["-m", "granian", "--interface", "wsgi", "--port", "0", "config.wsgi:application"],
    ],
)
def test_no_process_starts_in_production_without_its_environment(command: list[str]) -> None:
    """Each says the same, and ends with a status that a supervisor notices."""
    ended = run(*command, environment={"DJANGO_SETTINGS_MODULE": PRODUCTION, "ALLOWED_HOSTS": "*"})
    assert ended.returncode != 0
    output = ended.stdout + ended.stderr
    assert output.count("The environment cannot be used.") == 1
    for name in NEEDED:
        assert f"\n{name}: " in output
    assert "Traceback" not in output


def test_settings_built_on_production_keep_its_rules(tmp_path: Path) -> None:
    """A module of one's own that imports production's is production."""
    (tmp_path / "ours.py").write_text("from config.settings.production import *\n")
    environment = GOOD | {"PYTHONPATH": str(tmp_path)}
    assert load(environment, settings="ours") == "False"
    assert named(load(environment | {"PROVIDERS": "simulated"}, settings="ours")) == ["PROVIDERS"]


def test_production_is_not_entered_by_the_back_door(tmp_path: Path) -> None:
    """Variables that were read by laxer rules are not read again: the process ends and says why."""
    (tmp_path / "ours.py").write_text("from config.settings.base import *\nfrom config.settings.production import *\n")
    assert "before any other settings" in load(GOOD | {"PYTHONPATH": str(tmp_path)}, settings="ours")


@pytest.mark.parametrize("settings", ["config.settings.local", "config.settings.test"])
def test_only_production_refuses_what_is_for_trying_out(settings: str, tmp_path: Path) -> None:
    """SQLite, public keys, files for a broker and the simulator are what makes a start without any preparation."""
    tell = "settings.DEFAULT_PROVIDER, settings.DATABASES['default']['ENGINE']"
    assert load({"DATA_DIR": str(tmp_path)}, settings=settings, tell=tell) == "simulated django.db.backends.sqlite3"


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", "mysql://u:hunter2@h"), ("REDIS_URL", "localhost"), ("SIMULATOR_URL", "here"), ("PORT", "8000x")],
)
def test_nonsense_is_refused_everywhere(name: str, value: str) -> None:
    """Before it becomes a traceback from deep inside a library."""
    message = load({name: value}, settings="config.settings.local")
    assert named(message) == [name]
    assert value not in message


def test_a_data_folder_that_cannot_be_written_is_refused_where_it_is_used(tmp_path: Path) -> None:
    """Without Redis the broker is a folder."""
    (tmp_path / "file").touch()
    environment = {"DATA_DIR": str(tmp_path / "file" / "below")}
    assert named(load(environment, settings="config.settings.local")) == ["DATA_DIR"]
    assert load(environment | {"REDIS_URL": "redis://h"}, settings="config.settings.local") == "False"


def test_a_data_folder_that_cannot_hold_the_numbers_is_refused_by_production(tmp_path: Path) -> None:
    """Unless they go elsewhere."""
    (tmp_path / "file").touch()
    environment = GOOD | {"DATA_DIR": str(tmp_path / "file")}
    assert named(load(environment)) == ["PROMETHEUS_MULTIPROC_DIR"]
    assert load(environment | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}) == "False"


def test_every_publisher_is_turned_on_by_its_variable() -> None:
    """All at once, beside the log, each with options of its own; none without."""
    tell = "sorted(settings.EVENT_PUBLISHERS), [e.get('options') for e in settings.EVENT_PUBLISHERS.values()]"
    environment = GOOD | {
        "PUBLISH_TO_REDIS_URL": "redis://h/1",
        "PUBLISH_TO_REDIS_MAX_LENGTH": "1000",
        "PUBLISH_TO_RABBITMQ_URL": "amqp://u:p@h//",
        "PUBLISH_TO_KAFKA_SERVERS": "h:9092,i:9092",
        "PUBLISH_TO_KAFKA_SETTINGS": '{"security.protocol": "ssl"}',
    }
    names, options = ast.literal_eval(load(environment, tell=tell).replace("] [", "], ["))
    assert names == ["kafka", "log", "rabbitmq", "redis"]
    assert options == [
        None,
        {"url": "redis://h/1", "stream": "quittance:events", "max_length": 1000},
        {"url": "amqp://u:p@h//", "exchange": "quittance.events"},
        {"servers": "h:9092,i:9092", "topic": "quittance.events", "settings": {"security.protocol": "ssl"}},
    ]
    assert load(GOOD, tell="[*settings.EVENT_PUBLISHERS]") == "['log']"


def test_local_settings_answer_to_further_hosts() -> None:
    """A stack of containers has names."""
    hosts = load({"ALLOWED_HOSTS": "web"}, settings="config.settings.local", tell="settings.ALLOWED_HOSTS")
    assert hosts == "['localhost', '127.0.0.1', '[::1]', 'web']"


def test_production_passes_every_check_for_deployment() -> None:
    """`manage.py check --deploy` has nothing to say, warnings included."""
    ended = run(
        "manage.py",
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        environment=GOOD | {"DJANGO_SETTINGS_MODULE": PRODUCTION, "SECRET_KEY": GOOD["SECRET_KEY"] * 2},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no issues (1 silenced)" in ended.stdout


@pytest.mark.parametrize(("trust", "status"), [("", 301), ("true", 200)])
def test_https_is_believed_of_a_trusted_proxy_only(trust: str, status: int) -> None:
    """Otherwise any client could say so; probes are answered without."""
    with granian("config.wsgi:application", **GOOD, DJANGO_SETTINGS_MODULE=PRODUCTION, TRUST_PROXY=trust) as port:
        client = HTTPConnection("127.0.0.1", port, timeout=10)
        seen = {}
        for path, headers in {"/health": {}, "/": {"X-Forwarded-Proto": "https"}}.items():
            client.request("GET", path, headers={"Host": "pay.example.com"} | headers)
            answer = client.getresponse()
            answer.read()
            seen[path] = (answer.status, answer.headers["Strict-Transport-Security"])
        client.close()
    hsts = "max-age=31536000; includeSubDomains" if trust else None
    assert seen == {"/health": (200, None), "/": (status, hsts)}


def test_every_variable_is_in_the_documentation() -> None:
    """Name, default and meaning, word for word; a row that is missing or stale is printed as it should be."""
    text = (BASE_DIR / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = {row for row in text.splitlines() if re.match(r"\| `[A-Z]", row)}
    assert rows == {_row(name) for name in Env.model_fields}


def _row(name: str) -> str:
    field = Env.model_fields[name]
    default = "" if "insecure" in repr(field.default) or str(BASE_DIR) in repr(field.default) else field.default
    shown = ",".join(default) if isinstance(default, list) else str(default).lower()
    meaning = " ".join((field.description or "").split())
    needed = "required" if name in REQUIRED else "refused" if name in FORBIDDEN else ""
    return f"| `{name.upper()}` | {f'`{shown}`' if shown else ''} | {needed} | {meaning} |"


REQUIRED = {name.lower() for name in GOOD}
FORBIDDEN = {"simulator_url", "simulator_webhook_secrets", "test_clock", "debug"}


def test_production_has_the_variables_of_the_table() -> None:
    """It adds rules, not variables."""
    assert StrictEnv.model_fields.keys() == Env.model_fields.keys()
