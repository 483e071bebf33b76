"""The documents say what the code does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bot.handlers.commands import ADMIN_COMMANDS, COMMANDS
from bot.handlers.texts import has
from tests.readme import README, ROOT, with_tables


def test_readme_lists_every_setting_and_command() -> None:
    """`python -m tests.readme` renews the tables."""
    text = README.read_text(encoding="utf-8")

    assert text == with_tables(text)


@pytest.mark.parametrize("lang", ["fa", "en"])
@pytest.mark.parametrize("command", [*COMMANDS, *ADMIN_COMMANDS], ids=lambda c: c.name)
def test_every_command_has_help_in_both_languages(lang: str, command: object) -> None:
    """A line for the menu and a paragraph for /help."""
    name = getattr(command, "name", "")

    assert has(lang, f"commands.{name}")
    assert has(lang, f"help.long.{name}")


def test_every_link_in_the_documents_leads_somewhere() -> None:
    """No document points to a file that is not there."""
    broken = [
        f"{document.name}: {target}"
        for document in [README, *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text("utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]

    assert broken == []


def test_every_requirement_has_its_reason() -> None:
    """docs/dependencies.md names each library that we ask for."""
    wanted = {
        re.split(r"[\[<>=]", line)[0].lower()
        for line in (ROOT / "requirements.in").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    }
    reasons = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()

    assert {name for name in wanted if name not in reasons} == set()


def test_every_pin_has_a_hash_and_no_address() -> None:
    """The pinned files hold nothing that is fetched unchecked."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text("utf-8")
        for block in re.split(r"\n(?=[A-Za-z])", text):
            if re.match(r"[A-Za-z]", block):
                assert "--hash=sha256:" in block, block.splitlines()[0]
        assert "--index-url" not in text
        assert "://" not in text


def test_systems_has_a_row_for_each_system() -> None:
    """A1 … E5, each once."""
    rows = re.findall(r"^\| ([A-E]\d*) ", (ROOT / "docs" / "systems.md").read_text("utf-8"), re.M)
    wanted = [
        *(f"A{n}" for n in range(1, 13)),
        *(f"B{n}" for n in range(1, 15)),
        *(f"C{n}" for n in range(1, 6)),
        "D",
        *(f"E{n}" for n in range(1, 6)),
    ]

    assert rows == wanted


def test_no_file_tells_of_the_machine_it_was_written_on() -> None:
    """No absolute path of a workplace is in the tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    places = re.compile(r"(?<![\w./])/(?:work|home|root)/\w")
    found = []
    for name in filter(None, listed.split("\0")):
        path = Path(ROOT / name)
        if not path.is_file() or path.suffix in {".ttf", ".npz", ".png", ".bin"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {match[0]}" for match in places.finditer(text)]

    assert found == []
