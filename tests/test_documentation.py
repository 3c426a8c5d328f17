"""What the documentation says, held against the code."""

import re
from dataclasses import fields
from pathlib import Path

from app.cli import app as commands
from app.settings import Settings

ROOT = Path(__file__).parent.parent


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| `STOREGRAPH_(\w+)` \| `?([^|`]*)`? \| (.+) \|$",
        (ROOT / "docs/configuration.md").read_text(),
        re.MULTILINE,
    )
    documented = {name.lower(): (default.strip(), about) for name, default, about in rows}
    described = {
        each.name: (
            "" if each.default in (None, "") else str(each.default),
            each.metadata["description"],
        )
        for each in fields(Settings)
    }
    assert documented == described


def test_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    names = [command.name or "" for command in commands.registered_commands]
    names += [group.name or "" for group in commands.registered_groups]
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
