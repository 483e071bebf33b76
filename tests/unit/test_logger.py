"""Logs: one format, and no secret in any of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from bot.utils.logger import Masker, set_up_logging
from bot.utils.secrets import Secret


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    yield
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        "POST https://api.telegram.org/bot123456789:AAabcdefghijklmnopqrstuvwxyz0123456/sendMessage",
        f"key sk-{'hush' * 8} rejected",
        "mysql://root:hunter2@127.0.0.1/x",
        "key AIzaSyA1234567890abcdefghijk",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    """Secrets nobody told us about are masked by their shape."""
    masked = Masker().mask(text)

    assert "***" in masked
    for piece in ("AAabcdef", "hushhush", "hunter2", "AIzaSy"):
        assert piece not in masked


def test_known_secrets_are_masked_in_traces_too(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that carries a key does not leak it."""
    set_up_logging("INFO", "text", [Secret("open-sesame")])

    try:
        raise RuntimeError("the door says open-sesame")
    except RuntimeError:
        logging.getLogger("door").exception("it failed with %s", "open-sesame")

    shown = capsys.readouterr().err
    assert "open-sesame" not in shown
    assert "RuntimeError: the door says ***" in shown


def test_fields_are_shown_beside_the_event(capsys: pytest.CaptureFixture[str]) -> None:
    """What the caller adds as fields is there in both formats."""
    set_up_logging("INFO", "text")
    logging.getLogger("a").info("collected", extra={"source": "isna", "ms": 12})
    set_up_logging("INFO", "json")
    logging.getLogger("a").info("collected", extra={"source": "isna", "ms": 12})

    plain, structured = capsys.readouterr().err.splitlines()
    entry = json.loads(structured)
    assert plain.endswith("collected source=isna ms=12")
    assert (entry["event"], entry["source"], entry["ms"]) == ("collected", "isna", 12)


def test_requests_with_the_token_in_their_address_stay_quiet() -> None:
    """The HTTP libraries report every address at INFO; we do not let them."""
    set_up_logging("INFO", "text")

    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
