"""The catalogues: both languages whole, and nothing asked for that is not there."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from bot.handlers.commands import ADMIN_COMMANDS, COMMANDS
from bot.handlers.texts import LANGS, catalogue, has, language, number, percent, t, template

BOT = Path(__file__).resolve().parents[2] / "bot"
_KEY_IN_CODE = re.compile(r"""["']([a-z_]+(?:\.[a-z0-9_]+)+)["']""")
USER_ERRORS = {"BadInput", "NotFound", "NotAllowed", "QuotaExceeded", "UserError"}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def forms(lang: str, key: str) -> list[str]:
    value = catalogue(lang)[key]
    return [value] if isinstance(value, str) else list(value.values())


def test_both_languages_have_the_same_keys() -> None:
    assert set(catalogue("fa")) == set(catalogue("en"))


def test_both_languages_use_the_same_placeholders() -> None:
    different = [
        key
        for key in catalogue("fa")
        for persian in forms("fa", key)
        for english in forms("en", key)
        if placeholders(persian) != placeholders(english)
    ]

    assert different == []


@pytest.mark.parametrize("lang", LANGS)
def test_stars_come_in_pairs(lang: str) -> None:
    """One star would swallow the bold of everything after it."""
    odd = [key for key in catalogue(lang) for text in forms(lang, key) if text.count("*") % 2]

    assert odd == []


def test_persian_is_written_as_persian() -> None:
    """No Arabic letters, no Latin digits, «می» joined by a half-space."""
    wrong = []
    speaks_of_letters = {
        "help.long.search",
        "help.long.trends",
    }  # ي, ك and 1h are what they explain
    for key in set(catalogue("fa")) - speaks_of_letters:
        for text in forms("fa", key):
            words = re.sub(r"\{[a-z_]+\}|\u200e?/\S+( [a-z0-9]+)?|https?://\S*|@\S+", " ", text)
            words = re.sub(r"[A-Za-z]+(/[A-Za-z_]+)?", " ", words)
            if re.search(r"[يكةۀ]|[0-9]|\bمی [آ-ی]|ه ای\b|[،؛:.](?=[آ-ی])", words):
                wrong.append((key, text))

    assert wrong == []


def test_every_command_has_its_menu_line_and_its_help() -> None:
    for command in (*COMMANDS, *ADMIN_COMMANDS):
        for lang in LANGS:
            assert 3 <= len(t(lang, f"commands.{command.name}")) <= 256
            assert has(lang, f"help.long.{command.name}")


def test_every_key_that_the_code_names_exists() -> None:
    """A missing sentence must fail here, not in somebody's chat."""
    missing = []
    sections = {key.split(".")[0] for key in catalogue("fa")}
    for path in sorted((BOT / "handlers").rglob("*.py")):
        missing += [
            (path.name, key)
            for key in _KEY_IN_CODE.findall(path.read_text(encoding="utf-8"))
            if key.split(".")[0] in sections and not has("fa", key)
        ]

    assert missing == []


def test_every_user_error_has_its_sentence_and_its_fields() -> None:
    """What is raised anywhere can be said, on the command line too."""
    wrong = []
    for path in sorted(BOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in USER_ERRORS or not isinstance(node.args[0], ast.Constant):
                continue
            key = str(node.args[0].value)
            known = key if has("fa", key) else f"error.{key}"
            given = {keyword.arg for keyword in node.keywords}
            if not has("fa", known) or not placeholders(template("fa", known)) <= given:
                wrong.append((path.name, key))

    assert wrong == []


def test_no_text_is_left_over() -> None:
    """Every key is named in the code, whole or as the head of a computed one."""
    code = "\n".join(p.read_text(encoding="utf-8") for p in sorted(BOT.rglob("*.py")))
    unused = []
    for key in catalogue("fa"):
        section = key.rpartition(".")[0]
        whole = f'"{key}"' in code
        computed = re.search(rf'f"{re.escape(section)}\.[a-z_]*\{{', code)
        if not whole and not computed:
            unused.append(key)

    assert unused == []


def test_a_missing_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        t("fa", "no.such.sentence")


@pytest.mark.parametrize(
    ("lang", "n", "expected"),
    [
        ("en", 1, "1 post"),
        ("en", 2, "2 posts"),
        ("en", 12345, "12,345 posts"),
        ("fa", 1, "۱ نوشته"),
        ("fa", 12345, "۱۲٬۳۴۵ نوشته"),
    ],
)
def test_numbers_and_plurals(lang: str, n: int, expected: str) -> None:
    assert t(lang, "count.posts", n=n) == expected


def test_numbers_are_written_as_people_read_them() -> None:
    assert number("fa", 1234.56, 1) == "۱٬۲۳۴٫۶"
    assert number("en", 6.0, 1) == "6"
    assert percent("fa", 0.384) == "۳۸٪"
    assert percent("en", 0.384) == "38%"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("fa", "fa"), ("fa-IR", "fa"), ("en", "en"), ("en-GB", "en"), ("de", "en"), (None, "fa")],
)
def test_language_follows_the_client(code: str | None, expected: str) -> None:
    assert language(code) == expected


def test_a_command_inside_persian_keeps_its_slash_on_its_left() -> None:
    assert "\u200e/status" in template("fa", "trends.nothing_yet")
    assert "\u200e" not in template("en", "trends.nothing_yet")
