"""docker-compose.yml: what the specification says, and what a stack should be. Its processes: test_processes."""

import re

import pytest

from config.settings.env import Env
from tests.containers import stack
from tests.containers.stack import COMPOSE, OURS, SERVICES

ONE_SHOT = {"migrate"}
NOT_ASKED = {"relay"}
"""Its health is that it runs."""


def test_the_file_is_what_the_specification_allows() -> None:
    """By the schema of the Compose specification."""
    stack.tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_the_stack_has_every_process() -> None:
    """One image, seven processes of ours, two servers."""
    assert OURS.keys() == {"migrate", "web", "worker", "beat", "relay", "simulator", "flower"}
    assert SERVICES.keys() - OURS.keys() == {"mariadb", "redis"}


def test_nothing_needs_to_be_set() -> None:
    """Every variable has a default, which may be empty."""
    text = "\n".join(stack.strings(SERVICES))
    assert re.findall(r"\$\{\w+(?!\w*:-)[^}]*\}", text) == []


@pytest.mark.parametrize("name", OURS)
def test_our_processes_may_nothing_they_do_not_need(name: str) -> None:
    """The image's own user, no capability, nothing to write to but what is named."""
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["tmpfs"] == ["/tmp"]
    assert not {"user", "privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()
    assert service["init"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded(name: str) -> None:
    """Memory, processes, processors, logs; no privilege is gained later."""
    service = SERVICES[name]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"] == {"driver": "local"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_is_restarted_and_asked_how_it_is(name: str) -> None:
    """The image's own question is web's: it suits nobody else."""
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    asked = service.get("healthcheck", {}).get("test")
    disabled = service.get("healthcheck", {}).get("disable", False)
    assert disabled == (name in ONE_SHOT | NOT_ASKED)
    assert bool(asked) == (name not in ONE_SHOT | NOT_ASKED | {"web"})


def test_what_is_published_is_for_this_machine_alone() -> None:
    """The API and Flower; the simulator, the database and Redis have no password worth the name."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"web", "flower"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_images_are_pinned_to_a_version() -> None:
    """`latest` is another server tomorrow."""
    images = {name: service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert images == {"mariadb": "mariadb:10.11", "redis": "redis:7.2"}


def test_services_wait_for_what_can_become_true() -> None:
    """Healthy needs a health check, completed needs an end."""
    for service in SERVICES.values():
        for other, waiting in service.get("depends_on", {}).items():
            if waiting["condition"] == "service_completed_successfully":
                assert other in ONE_SHOT
            else:
                assert waiting["condition"] == "service_healthy"
                assert "test" in SERVICES[other]["healthcheck"]


@pytest.mark.parametrize("name", OURS)
def test_processes_are_given_only_variables_that_they_read(name: str) -> None:
    """A misspelt one would be nobody's."""
    known = {field.upper() for field in Env.model_fields}
    assert OURS[name]["environment"].keys() - {"DJANGO_SETTINGS_MODULE"} <= known


def test_volumes_are_named_and_used() -> None:
    """What must outlive a container is the database, the simulator's memory and the numbers of /metrics."""
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == COMPOSE["volumes"].keys() == {"mariadb", "metrics", "simulator"}
