"""Logging: one set-up, text or JSON, with every known secret masked wherever it turns up."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.utils.secrets import Secret

# What keys look like when nobody told us about them: bot tokens in addresses, and the makers' keys.
_LOOKS_SECRET = re.compile(
    r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}|\bsk-[A-Za-z0-9_-]{16,}|\bxai-[A-Za-z0-9_-]{16,}|"
    r"\bAIza[A-Za-z0-9_-]{20,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_SHORTEST_SECRET = 6  # masking shorter strings would eat ordinary words
_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Masker:
    """Replaces known secrets, and what looks like one, by `***`."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, secrets: Iterable[Secret | str]) -> None:
        for secret in secrets:
            value = secret.reveal() if isinstance(secret, Secret) else secret
            if len(value) >= _SHORTEST_SECRET:
                self._known.add(value)

    def mask(self, text: str) -> str:
        for value in self._known:
            text = text.replace(value, "***")
        return _LOOKS_SECRET.sub("***", text)


class _TextFormatter(logging.Formatter):
    def __init__(self, masker: Masker) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._masker = masker

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items())
        line = super().format(record)
        if fields:
            head, newline, rest = line.partition("\n")
            line = f"{head} {fields}{newline}{rest}"
        return self._masker.mask(line)


class _JsonFormatter(logging.Formatter):
    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._masker = masker

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return self._masker.mask(json.dumps(entry, ensure_ascii=False, default=str))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What the caller gave as `extra`."""
    return {key: value for key, value in record.__dict__.items() if key not in _OWN_FIELDS}


def set_up_logging(level: str, style: str, secrets: Iterable[Secret | str] = ()) -> Masker:
    """Send all logs to standard error; returns the masker, which may learn more secrets later."""
    masker = Masker()
    masker.learn(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(masker) if style == "json" else _TextFormatter(masker))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # These report every request, with the bot's token in its address, at INFO.
    for chatty in (
        "httpx",
        "httpcore",
        "uvicorn",
        "apscheduler",
        "aiosqlite",
        "telegram",
        "matplotlib",
    ):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    return masker
