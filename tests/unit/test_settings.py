"""Settings: defaults that start, every mistake at once, nothing secret shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from config.settings import SETTINGS, load_settings, read_environment

TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz"


def test_everything_has_a_default() -> None:
    """No setting is needed to start."""
    settings = load_settings({})

    assert not settings.telegram_bot_token
    assert settings.database_url.reveal() == "sqlite:///data/hoshyar.db"
    assert (settings.language, settings.timezone) == ("fa", "Asia/Tehran")
    assert (settings.collect_interval_s, settings.analyse_interval_s) == (300, 60)
    assert settings.feeds_file.is_absolute()


def test_all_mistakes_are_reported_at_once() -> None:
    """One start is enough to learn of every wrong setting."""
    wrong = {
        "TELEGRAM_BOT_TOKEN": "nonsense",
        "TELEGRAM_API_BASE_URL": "ftp://x",
        "ADMIN_USER_IDS": "1, bob",
        "DATABASE_URL": "postgres://x/y",
        "LANGUAGE": "de",
        "TIMEZONE": "Mars/Base",
        "TWITTERAPI_DAILY_BUDGET_USD": "-1",
        "FEEDS_PROXY": "127.0.0.1:1080",
        "ALLOW_PRIVATE_ADDRESSES": "maybe",
        "COLLECT_INTERVAL_S": "0",
        "WEB_PORT": "99999",
        "LOG_LEVEL": "LOUD",
        "LOG_FORMAT": "xml",
    }

    with pytest.raises(ConfigError) as caught:
        load_settings(wrong)

    assert {problem.split()[0] for problem in caught.value.problems} == set(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("DATABASE_URL", "mysql://me:hunter2hunter2@db.example:3306/posts"),
        ("OPENAI_API_KEY", "sk-very-secret-indeed"),
        ("AI_PROXY", "socks5://me:hunter2hunter2@127.0.0.1:1080"),
        ("SECRET_KEY", "the-key-of-all-keys"),
    ],
)
def test_secrets_are_never_printed(name: str, value: str) -> None:
    """Neither the settings nor an error shows a secret."""
    settings = load_settings({name: value})

    assert value not in repr(settings)
    assert value in [secret.reveal() for secret in settings.secrets()]
    with pytest.raises(ConfigError) as caught:
        load_settings({name: "\n" + value + " ", "WEB_PORT": "x"})
    assert value not in str(caught.value)


@pytest.mark.parametrize("password", ["hun@ter2", "hun/ter2", "h@unt/er2", "hun?ter2", "hun#ter2"])
def test_a_mark_in_a_password_is_refused_unseen(password: str) -> None:
    """What follows it would be taken for the host, which errors name."""
    with pytest.raises(ConfigError, match=r"write @ as %40 and / as %2F") as caught:
        load_settings({"DATABASE_URL": f"mysql://me:{password}@db.example:3306/posts"})

    assert "ter2" not in str(caught.value)
    assert "un" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://me:a%40b%2Fc@db:3306/p", "mysql://me@[::1]:3306/p"])
def test_what_is_written_as_it_should_be_is_taken(url: str) -> None:
    assert load_settings({"DATABASE_URL": url}).database_url.reveal() == url


def test_every_scheme_is_named_whole() -> None:
    with pytest.raises(ConfigError, match=r"starts with redis:// or rediss://"):
        load_settings({"REDIS_URL": "localhost:6379"})


def test_admins_are_a_list_without_twins() -> None:
    """Spaces and repeats in the list of administrators do no harm."""
    assert load_settings({"ADMIN_USER_IDS": " 5, 7,5 ,"}).admin_user_ids == (5, 7)


def test_the_shell_wins_over_the_file(tmp_path: Path) -> None:
    """A value from the environment overrides the one in .env; a byte order mark does no harm."""
    env_file = tmp_path / ".env"
    env_file.write_text("\ufeffLANGUAGE=en\nWEB_PORT=9000\n", encoding="utf-8")

    merged = read_environment({"WEB_PORT": "9001", "PATH": "/bin"}, env_file)

    assert merged == {"LANGUAGE": "en", "WEB_PORT": "9001"}


def test_the_example_file_names_every_setting_with_its_default() -> None:
    """.env.example can be copied as it is."""
    example = Path(__file__).parents[2] / ".env.example"

    values = dict(
        line.split("=", 1)
        for line in example.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )

    assert values == {setting.name: setting.default for setting in SETTINGS}
