"""What is written down about packages, locks, images and services agrees with what is there."""

import re
import tomllib
from dataclasses import fields
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.settings import Settings

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
LOCKS = ("requirements.lock", "requirements-dev.lock")
PACKAGES = sorted(
    folder.name
    for folder in ROOT.iterdir()
    if (folder / "__init__.py").is_file() and folder.name != "tests"
)
SETTINGS = {f"STOREGRAPH_{each.name.upper()}" for each in fields(Settings)}
# What docker-compose.yml reads for itself and hands to no gateway.
OF_COMPOSE = {"STOREGRAPH_SITES", "STOREGRAPH_SUBNET", "STOREGRAPH_VERSION"}


def pins(lock: str) -> dict[str, set[str]]:
    """Each locked distribution's versions: more than one where Pythons or platforms differ."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE
    ):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def requirements(group: str) -> list[Requirement]:
    """Of a dependency group and those that it includes; "" is what the gateway runs on."""
    if not group:
        return [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    found: list[Requirement] = []
    for entry in PROJECT["dependency-groups"][group]:
        found += (
            requirements(entry["include-group"])
            if isinstance(entry, dict)
            else [Requirement(entry)]
        )
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_says_what_to_install_and_not_where_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.findall(r"^.*(?:://|file:| @ ).*$", text, re.MULTILINE)
    assert not re.findall(r"^\s*-(?!-hash=sha256:).*$", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_distribution_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=[\w.-]+==)", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]


@pytest.mark.parametrize(("lock", "groups"), [(LOCKS[0], [""]), (LOCKS[1], ["", "dev"])])
def test_a_lock_holds_every_dependency_in_a_version_that_is_asked_for(
    lock: str, groups: list[str]
) -> None:
    locked = pins(lock)
    wanted = [requirement for group in groups for requirement in requirements(group)]
    assert not [
        str(requirement)
        for requirement in wanted
        if not (versions := locked.get(canonicalize_name(requirement.name)))
        or not all(requirement.specifier.contains(version) for version in versions)
    ]


def test_tests_run_on_the_versions_that_serve() -> None:
    development = pins("requirements-dev.lock")
    assert not {
        name: versions
        for name, versions in pins("requirements.lock").items()
        if development.get(name) != versions
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_no_dependency_ships_a_package_under_a_name_of_ours(package: str) -> None:
    shipped_by = {canonicalize_name(name) for name in packages_distributions().get(package, [])}
    assert shipped_by <= {PROJECT["project"]["name"]}


def test_every_tool_knows_every_package() -> None:
    tools = PROJECT["tool"]
    assert sorted(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES
    assert sorted(tools["pyright"]["strict"]) == PACKAGES
    assert sorted(tools["importlinter"]["root_packages"]) == PACKAGES
    with_tests = sorted([*PACKAGES, "tests"])
    assert sorted(tools["pyright"]["include"]) == with_tests
    assert sorted(tools["ruff"]["lint"]["isort"]["known-first-party"]) == with_tests
    assert sorted(tools["coverage"]["run"]["source"]) == with_tests


def test_every_dialect_is_kept_apart_from_the_others() -> None:
    dialects = {f"rest_compat.{path.parent.name}" for path in ROOT.glob("rest_compat/*/*.yaml")}
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    [apart] = [contract for contract in contracts if contract["type"] == "independence"]
    assert dialects <= set(apart["modules"])


def test_the_image_is_made_of_what_is_there() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = {
        source
        for arguments in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in arguments.split()[:-1]
    }
    assert copied == {*PACKAGES, "requirements.lock"}
    assert all((ROOT / source).exists() for source in copied)
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(sent) == copied
    assert set(re.findall(r"STOREGRAPH_\w+", text)) <= SETTINGS


def test_services_are_configured_by_settings_that_exist() -> None:
    given = {
        name
        for service in COMPOSE["services"].values()
        for name in service.get("environment", {})
        if name.startswith("STOREGRAPH_")
    }
    assert given
    assert given <= SETTINGS


def test_every_variable_of_the_services_is_explained() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    read = set(re.findall(r"\$\{(\w+)", text)) | {
        name
        for service in COMPOSE["services"].values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }
    explained = set(
        re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    assert read == explained
    assert {name for name in read if name.startswith("STOREGRAPH_")} <= SETTINGS | OF_COMPOSE


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secret = re.compile(r"PASSWORD|SECRET|TOKEN")
    uses = re.findall(r"\$\{(\w+)([^}]*)\}", text)
    assert {how for name, how in uses if secret.search(name)} == {":?"}
    example = (ROOT / ".env.example").read_text()
    given = re.findall(r"^(?:# )?([A-Z_]+)=(.+)$", example, re.MULTILINE)
    assert not [name for name, _ in given if secret.search(name)]


def test_services_name_only_what_is_declared() -> None:
    services: dict[str, dict[str, Any]] = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert {mount.split(":")[0] for mount in service.get("volumes", [])} <= set(
            COMPOSE["volumes"]
        )
        assert {config["source"] for config in service.get("configs", [])} <= set(
            COMPOSE["configs"]
        )


def test_a_service_that_stays_up_restarts_and_is_watched() -> None:
    services: dict[str, dict[str, Any]] = COMPOSE["services"]
    assert services["web"]["deploy"]["replicas"] == 2
    assert services["migrate"]["restart"] == "no"
    staying = {name: service for name, service in services.items() if name != "migrate"}
    assert {service["restart"] for service in staying.values()} == {"unless-stopped"}
    assert all("healthcheck" in service for service in staying.values())


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    published = {name for name, service in COMPOSE["services"].items() if "ports" in service}
    assert published == {"proxy"}
    within_front = {
        name for name, service in COMPOSE["services"].items() if "front" in service["networks"]
    }
    assert within_front == {"proxy", "web"}  # whoever is there is believed about client addresses
