"""An answer as it grows, and whole with its proof."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.handlers.buttons import NEW, STOP, Verb, pack
from bot.handlers.views.page import FSI, NAME_LENGTH, PDI, Reader, shortened
from bot.handlers.views.start import Example
from bot.models.ai import Evidence
from bot.models.entities import is_safe_url
from bot.models.insight import Window
from bot.models.messages import Button, OutMessage, RichText
from bot.models.post import PostKind
from bot.services.message_text import from_markdown

_LATIN = re.compile(r"[A-Za-z]")
_PERSIAN = re.compile(r"[\u0600-\u06ff]")
_QUOTED = re.compile(r"«[^»]*»|“[^”]*”|https?://\S+|[@#]\w+")  # the posts' own words
_CITATION = re.compile(r"\[(\d{1,3})\](?![(\[:])")

PROOFS = 6
TITLE_LENGTH = 90
BUTTON_LENGTH = 24


def _in_its_language(reader: Reader, markdown: str) -> Reader:
    """Who asks in English is answered in English, in a Persian chat too; its lines run so."""
    latin, persian = len(_LATIN.findall(markdown)), len(_PERSIAN.findall(markdown))
    lang = "en" if latin > persian else "fa"
    return replace(reader, lang=lang) if latin + persian else reader


def answer_so_far(reader: Reader, markdown: str, *, can_stop: bool) -> OutMessage:
    """What there is of an answer; in a group with a button that ends it."""
    reader = _in_its_language(reader, _QUOTED.sub("", markdown))
    text = reader.text()
    if markdown.strip():
        text.add_formatted(*from_markdown(markdown))
    else:
        text.plain(reader.t("ask.thinking"))
    stop = Button(text=reader.t("ask.stop"), data=STOP)
    return text.message(keyboard=((stop,),) if can_stop else ())


def answer_message(
    reader: Reader,
    markdown: str,
    sources: Sequence[Evidence],
    follow_ups: Sequence[Example],
    *,
    stopped: bool,
    owner: int = 0,
) -> OutMessage:
    """The whole answer, the posts it cites by their numbers, and what to look at next."""
    reader = _in_its_language(reader, _QUOTED.sub("", markdown))
    text = reader.text().add_formatted(*from_markdown(_with_links(markdown, sources)))
    if stopped:
        text.newline(2).add(reader.rich("ask.stopped"))
    if sources and not any(evidence.url and evidence.url in markdown for evidence in sources):
        text.newline(2).add(reader.rich("ask.sources"))
        for evidence in sources[:PROOFS]:
            text.newline().add(_proof(reader, evidence))
    cards = tuple(
        Button(
            text=f"📈 {shortened(term.term, BUTTON_LENGTH)}",
            data=pack(Verb.CARD, term.ref, Window.H24, 0, NEW, owner=owner),
        )
        for term in follow_ups
    )
    return text.message(keyboard=(cards,) if cards else ())


def _with_links(markdown: str, sources: Sequence[Evidence]) -> str:
    """Each [n] leads to the post of that number."""
    urls = {str(evidence.number): evidence.url for evidence in sources}

    def linked(match: re.Match[str]) -> str:
        url = urls.get(match[1], "")
        return f"[\\[{match[1]}\\]](<{url}>)" if is_safe_url(url) else match[0]

    return _CITATION.sub(linked, markdown)


def _proof(reader: Reader, evidence: Evidence) -> RichText:
    said = shortened(evidence.title or evidence.text, TITLE_LENGTH)
    by = shortened(evidence.source, NAME_LENGTH)
    if by and evidence.kind is PostKind.TWEET:
        by = f"@{by.lstrip('@')}"
    facts = [reader.name(by)] if by else []
    facts.append(reader.when(evidence.created_at))
    # The number is written as the answer writes it, and kept apart from what follows.
    line = reader.text().plain(f"{FSI}[{evidence.number}]{PDI} ")
    return line.link(reader.name(said), evidence.url).plain(f" · {' · '.join(facts)}")
