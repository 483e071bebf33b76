"""Every sentence that a person sees, by key, from texts/fa.toml and texts/en.toml.

A template holds {fields}, and *words between stars* that are shown bold (views.page reads them;
`t` drops the stars). A key may hold plural forms `one` and `other`, chosen by the field `n`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bot.utils.times import fa_digits

LANGS = ("fa", "en")
DEFAULT_LANG = "fa"
_FOLDER = Path(__file__).with_name("texts")

Template = str | Mapping[str, str]

# A command or @name inside a Persian line keeps its sign on its left only behind an LRM.
_COMMAND = re.compile(r"(?<![\w/:.<>])[/@](?=[a-z{])")
_LRM = "\u200e"


def language(code: str | None, default: str = DEFAULT_LANG) -> str:
    """The language we speak to somebody whose client is set to `code` (IETF), e.g. en-GB → en."""
    if not code:
        return default if default in LANGS else DEFAULT_LANG
    return "fa" if code.split("-")[0].lower() in {"fa", "prs", "tg"} else "en"


@cache
def catalogue(lang: str) -> Mapping[str, Template]:
    """All templates of one language under dotted keys."""
    if lang not in LANGS:
        return catalogue(DEFAULT_LANG)
    raw = tomllib.loads((_FOLDER / f"{lang}.toml").read_text(encoding="utf-8"))
    flat = _flatten(raw, "")
    return {key: _marked(value) for key, value in flat.items()} if lang == "fa" else flat


def _marked(value: Template) -> Template:
    if isinstance(value, str):
        return _COMMAND.sub(rf"{_LRM}\g<0>", value)
    return {form: _COMMAND.sub(rf"{_LRM}\g<0>", text) for form, text in value.items()}


def _flatten(table: Mapping[str, Any], prefix: str) -> dict[str, Template]:
    flat: dict[str, Template] = {}
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, str):
            flat[key] = value.strip("\n")
        elif set(value) == {"one", "other"}:
            flat[key] = {form: text.strip("\n") for form, text in value.items()}
        else:
            flat.update(_flatten(value, f"{key}."))
    return flat


def has(lang: str, key: str) -> bool:
    """Is there a text under this key?"""
    return key in catalogue(lang)


def template(lang: str, key: str, n: object = None) -> str:
    """The text as written, with its {fields} and *stars*; KeyError when the key is unknown."""
    found = catalogue(lang)[key]
    if isinstance(found, str):
        return found
    return found["one" if n == 1 else "other"]


def t(lang: str, key: str, /, **fields: object) -> str:
    """The sentence under `key` as plain text; numbers among the fields as people read them."""
    plain = template(lang, key, fields.get("n")).replace("*", "")
    return plain.format(**{name: shown(lang, value) for name, value in fields.items()})


def shown(lang: str, value: object) -> str:
    """A field as text: whole numbers with separators, others with one decimal, text as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number(lang, value, decimals=0 if isinstance(value, int) else 1)


def number(lang: str, value: float, decimals: int = 0) -> str:
    """12345.6 → «۱۲٬۳۴۵٫۶» in Persian, 12,345.6 in English; a whole value shows no decimals."""
    rounded = round(value, decimals)
    if rounded == int(rounded):
        decimals = 0
    text = f"{value:,.{decimals}f}"
    if lang != "fa":
        return text
    return fa_digits(text.replace(",", "٬").replace(".", "٫"))


def percent(lang: str, share: float) -> str:
    """A share of one as a whole percentage."""
    return f"{number(lang, round(share * 100))}{'٪' if lang == 'fa' else '%'}"
