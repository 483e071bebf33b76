"""Settings: every name, its default and its check; all mistakes are reported at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.errors import ConfigError
from bot.utils.secrets import Secret

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
_TOKEN = re.compile(r"\d{3,20}:[A-Za-z0-9_-]{10,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided. Only `bot.app` and `bot.main` see this object."""

    telegram_bot_token: Secret
    telegram_api_base_url: str
    admin_user_ids: tuple[int, ...]
    database_url: Secret  # it may hold a password
    secret_key: Secret
    language: str
    timezone: str
    feeds_file: Path
    twitterapi_api_key: Secret
    twitterapi_base_url: str
    twitterapi_stream_url: str
    twitterapi_daily_budget_usd: float
    anthropic_api_key: Secret
    anthropic_base_url: str
    gemini_api_key: Secret
    gemini_base_url: str
    xai_api_key: Secret
    xai_base_url: str
    openai_api_key: Secret
    openai_base_url: str
    telegram_proxy: Secret
    feeds_proxy: Secret
    twitterapi_proxy: Secret
    ai_proxy: Secret
    allow_private_addresses: bool
    collect_interval_s: int
    analyse_interval_s: int
    retention_months: int
    disk_limit_gb: int
    redis_url: Secret
    web_host: str
    web_port: int
    log_level: str
    log_format: str

    def secrets(self) -> list[Secret]:
        """Every value that must never be printed."""
        values = (getattr(self, field.name) for field in fields(self))
        secret = [value for value in values if isinstance(value, Secret) and value]
        return [value for value in secret if not value.reveal().startswith("sqlite:")]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its environment name, its default as text, and how it is read."""

    name: str
    default: str
    read: Callable[[str], Any]
    help: str


def _text(value: str) -> str:
    return value


def _secret(value: str) -> Secret:
    return Secret(value)


def _one_of(*choices: str, fold: Callable[[str], str] = str.lower) -> Callable[[str], str]:
    def read(value: str) -> str:
        if fold(value) not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return fold(value)

    return read


def _boolean(value: str) -> bool:
    if value.lower() in {"true", "yes", "on", "1"}:
        return True
    if value.lower() in {"false", "no", "off", "0"}:
        return False
    raise ValueError("must be true or false")


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", value) or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return read


def _money(value: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    if not 0 <= amount <= 100_000:
        raise ValueError("must be an amount in US dollars, 0 or more, e.g. 0.5")
    return amount


def _token(value: str) -> Secret:
    if value and not _TOKEN.fullmatch(value):
        raise ValueError("must look like 123456789:AA… (ask @BotFather), or be empty")
    return Secret(value)


def _ids(value: str) -> tuple[int, ...]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    wrong = [part for part in parts if not re.fullmatch(r"[0-9]{1,19}", part)]
    if wrong:
        raise ValueError(
            f"must be Telegram user ids (numbers) separated by commas, not {wrong[0]!r}"
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def _address(*schemes: str, optional: bool = False) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not value and optional:
            return ""
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            starts = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"must be an address that starts with {starts}")
        return value.rstrip("/")

    return read


def _proxy(value: str) -> Secret:
    return Secret(_address("http", "https", "socks5", "socks5h", optional=True)(value))


MYSQL_SCHEMES = ("mysql", "mariadb", "mysql+aiomysql", "mysql+asyncmy")


_MARKED = re.compile(r"[^@]*[/?#][^@]*@.*")  # such a mark before the one that ends the password


def _database(value: str) -> Secret:
    if value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
        return Secret(value)
    scheme, _, rest = value.partition("://")
    if scheme in MYSQL_SCHEMES and (rest.count("@") > 1 or _MARKED.fullmatch(rest)):
        # What follows a bare mark would be taken for the host, and printed as such.
        raise ValueError("holds a mark: write @ as %40 and / as %2F in the password")
    try:
        parts = urlsplit(value)
        if parts.scheme in MYSQL_SCHEMES and parts.hostname and parts.path.strip("/"):
            _ = parts.port
            return Secret(value)
    except ValueError:
        pass
    raise ValueError("must be sqlite:///path/to/file.db or mysql://user:password@host:3306/name")


def _redis(value: str) -> Secret:
    return Secret(_address("redis", "rediss", optional=True)(value))


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Asia/Tehran") from None


def _file(value: str) -> Path:
    path = Path(value)
    return path if path.is_absolute() else ROOT / path


SETTINGS = (
    Setting("TELEGRAM_BOT_TOKEN", "", _token, "from @BotFather; without it the sandbox starts"),
    Setting(
        "TELEGRAM_API_BASE_URL",
        "https://api.telegram.org/bot",
        _address("http", "https"),
        "another Bot API server; ends where the token follows, e.g. http://127.0.0.1:8081/bot",
    ),
    Setting("ADMIN_USER_IDS", "", _ids, "Telegram user ids of the administrators, by commas"),
    Setting(
        "DATABASE_URL",
        "sqlite:///data/hoshyar.db",
        _database,
        "or mysql://user:password@host:3306/name; in the password write @ as %40 and / as %2F",
    ),
    Setting("SECRET_KEY", "", _secret, "encrypts API keys at rest; made on first start when empty"),
    Setting("LANGUAGE", "fa", _one_of("fa", "en"), "the language of new chats: fa or en"),
    Setting("TIMEZONE", "Asia/Tehran", _zone, "the time zone of new chats"),
    Setting("FEEDS_FILE", "config/feeds.opml", _file, "read once, when there are no sources yet"),
    Setting("TWITTERAPI_API_KEY", "", _secret, "a key of TwitterAPI.io"),
    Setting(
        "TWITTERAPI_BASE_URL",
        "https://api.twitterapi.io",
        _address("http", "https"),
        "another address of the same service",
    ),
    Setting(
        "TWITTERAPI_STREAM_URL",
        "wss://ws.twitterapi.io/twitter/tweet/websocket",
        _address("ws", "wss"),
        "where the same service pushes what filter rules find",
    ),
    Setting("TWITTERAPI_DAILY_BUDGET_USD", "0.5", _money, "never spent beyond, in US dollars"),
    Setting("ANTHROPIC_API_KEY", "", _secret, "a key for Claude"),
    Setting(
        "ANTHROPIC_BASE_URL", "https://api.anthropic.com", _address("http", "https"), "for Claude"
    ),
    Setting("GEMINI_API_KEY", "", _secret, "a key for Gemini"),
    Setting(
        "GEMINI_BASE_URL",
        "https://generativelanguage.googleapis.com",
        _address("http", "https"),
        "for Gemini",
    ),
    Setting("XAI_API_KEY", "", _secret, "a key for Grok"),
    Setting("XAI_BASE_URL", "https://api.x.ai", _address("http", "https"), "for Grok"),
    Setting("OPENAI_API_KEY", "", _secret, "a key for OpenAI or a compatible server"),
    Setting(
        "OPENAI_BASE_URL",
        "https://api.openai.com",
        _address("http", "https"),
        "OpenAI, or any compatible server",
    ),
    Setting("TELEGRAM_PROXY", "", _proxy, "http, https or socks5 address of a proxy"),
    Setting("FEEDS_PROXY", "", _proxy, "the same, for news"),
    Setting("TWITTERAPI_PROXY", "", _proxy, "the same, for TwitterAPI.io"),
    Setting("AI_PROXY", "", _proxy, "the same, for language models"),
    Setting(
        "ALLOW_PRIVATE_ADDRESSES",
        "false",
        _boolean,
        "true lets feeds be fetched from loopback and private ranges",
    ),
    Setting("COLLECT_INTERVAL_S", "300", _whole(1, 86_400), "seconds between rounds of collection"),
    Setting("ANALYSE_INTERVAL_S", "60", _whole(1, 86_400), "seconds between rounds of analysis"),
    Setting(
        "RETENTION_MONTHS",
        "0",
        _whole(0, 1200),
        "whole months for which posts are kept besides the running one; 0 keeps them all",
    ),
    Setting(
        "DISK_LIMIT_GB",
        "0",
        _whole(0, 1_000_000),
        "how large the data may grow: admins are warned before, collecting stops there; "
        "0 means the room that the disk has",
    ),
    Setting("REDIS_URL", "", _redis, "redis://host:6379/0: a cache that several machines share"),
    Setting("WEB_HOST", "127.0.0.1", _text, "where the web pages listen"),
    Setting("WEB_PORT", "8080", _whole(0, 65_535), "0 turns them off"),
    Setting(
        "LOG_LEVEL",
        "INFO",
        _one_of("DEBUG", "INFO", "WARNING", "ERROR", fold=str.upper),
        "DEBUG, INFO, WARNING or ERROR",
    ),
    Setting("LOG_FORMAT", "text", _one_of("text", "json"), "text or json"),
)


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings; an empty value counts as not set.

    Raises ConfigError with every mistake at once.
    """
    values: dict[str, Any] = {}
    problems = []
    for setting in SETTINGS:
        given = environment.get(setting.name, "").strip()
        try:
            values[setting.name.lower()] = setting.read(given or setting.default)
        except ValueError as error:
            problems.append(f"{setting.name} {error}")
    if problems:
        raise ConfigError(problems)
    return Settings(**values)


def read_environment(environment: Mapping[str, str], env_file: Path) -> dict[str, str]:
    """The .env file with the environment over it: what the shell says wins."""
    from dotenv import dotenv_values

    from_file = dotenv_values(env_file, encoding="utf-8-sig") if env_file.is_file() else {}
    named = {setting.name for setting in SETTINGS}
    merged = {name: value for name, value in from_file.items() if value is not None}
    merged.update({name: value for name, value in environment.items() if name in named})
    return merged
