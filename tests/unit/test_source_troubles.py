"""What an admin reads when a source could not be read: a sentence, then the words of the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.errors import (
    AddressRefused,
    BudgetSpent,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceGone,
    SourceRefused,
)
from bot.handlers.views.page import Reader
from bot.handlers.views.sources import trouble_message

KINDS = (SourceDown, SourceGone, SourceRefused, AddressRefused, SourceGarbled, BudgetSpent)


@pytest.mark.parametrize("lang", ["fa", "en"])
def test_every_trouble_has_a_sentence_of_its_own(lang: str) -> None:
    """In the reader's language; the technical words stay, apart and as code."""
    reader = Reader(lang, "Asia/Tehran", datetime(2026, 11, 21, tzinfo=UTC))

    shown = [trouble_message(reader, kind("HTTP 418"), "As:0") for kind in KINDS]

    sentences = [message.text.split("\n")[0] for message in shown]
    assert len(set(sentences)) == len(KINDS)
    assert all("HTTP 418" in message.text for message in shown)
    assert all("HTTP" not in sentence for sentence in sentences)


def test_a_new_kind_of_trouble_is_one_too() -> None:
    """An error class that the table does not know is shown as a site that does not answer."""
    reader = Reader("en", "UTC", datetime(2026, 11, 21, tzinfo=UTC))

    message = trouble_message(reader, SourceError("odd"), "As:0")

    assert "did not answer" in message.text
