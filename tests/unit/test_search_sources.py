"""How searches name an outlet, and how the command line takes a search."""

from __future__ import annotations

import pytest

from bot.features.lookup import named_sources
from bot.main import build_parser, read_arguments
from bot.models.post import TWITTER_SOURCE_ID, Source, SourceKind


def feed(number: int, name: str, url: str, site_url: str = "") -> Source:
    return Source(id=number, kind=SourceKind.FEED, name=name, url=url, site_url=site_url)


KNOWN = [
    Source(id=TWITTER_SOURCE_ID, kind=SourceKind.TWITTER, name="X", url="x:"),
    feed(3, "بی‌بی‌سی فارسی", "https://feeds.example/bbc", "https://www.bbc.com/persian"),
    feed(4, "ایسنا", "https://www.isna.ir/rss"),
    feed(5, "ایسنا ورزش", "https://sport.isna.ir/rss"),
]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("4", (4,)),
        ("99", ()),
        ("ایسنا", (4,)),
        ("ايسنا", (4,)),
        ("ورزش", (5,)),
        ("بی بی سی", (3,)),
        ("بی‌بی‌سی فارسی", (3,)),
        ("isna.ir", (4, 5)),
        ("www.isna.ir", (4, 5)),
        ("https://bbc.com", (3,)),
        ("sna.ir", ()),
        ("x", (TWITTER_SOURCE_ID,)),
        ("توییتر", (TWITTER_SOURCE_ID,)),
        ("رویترز", ()),
        ("!", ()),
    ],
)
def test_a_source_is_known_by_many_names(name: str, ids: tuple[int, ...]) -> None:
    assert named_sources(name, KNOWN) == ids


def test_the_command_line_takes_minus_words() -> None:
    """A word with a minus is no option, whatever letter it begins with; a real option is one."""
    given = read_arguments(
        build_parser(), ["search", "زلزله", "-تهران", "-hello", "from:sara", "--limit", "5"]
    )

    assert given.words == ["زلزله", "-تهران", "-hello", "from:sara"]
    assert (given.limit, given.newest) == (5, False)


@pytest.mark.parametrize("arguments", [["search", "a", "--nonsense"], ["trends", "-x"]])
def test_unknown_options_are_still_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        read_arguments(build_parser(), arguments)

    assert left.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err
