"""`twitter …` on the command line, as a shell sees it, against the double of the service."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.twitter_site import TwitterSite
from tests.chats_world import ADMIN, running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def site() -> AsyncIterator[TwitterSite]:
    async with TwitterSite(is_paced=False) as here:
        for number in range(30):
            here.twitter.write(f"زلزله در تهران {number}", author="lale", likes=number)
        yield here


class Shell:
    """Runs commands with one database, against one service."""

    def __init__(self, database: Path, key: str, url: str, **more: str) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": f"sqlite:///{database}",
            "TWITTERAPI_API_KEY": key,
            "TWITTERAPI_BASE_URL": url,
            **more,
        }

    async def __call__(self, *words: str) -> tuple[int, str, str]:
        return await self.run("twitter", *words)

    async def run(self, *words: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *words, cwd=ROOT, env=self._environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def json(self, *words: str) -> Any:
        code, out, err = await self(*words, "--json")
        assert code == 0, err
        return json.loads(out)


def alone(folder: Path, site: TwitterSite, **more: str) -> Shell:
    """With a database that no bot runs on."""
    return Shell(folder / "cli.db", site.key, site.url, **more)


@pytest.fixture
def shell(tmp_path: Path, site: TwitterSite) -> Shell:
    return alone(tmp_path, site)


async def test_a_test_prints_tweets_and_what_they_cost(shell: Shell, site: TwitterSite) -> None:
    """And the ledger has it, to the credit."""
    tested = await shell.json("test", "--query", "زلزله lang:fa", "--count", "3")
    code, out, _ = await shell("test", "--query", "زلزله", "--count", "2")
    report = await shell.json("report", "--days", "1")

    assert [tweet["text"] for tweet in tested["tweets"]] == [
        f"زلزله در تهران {n}" for n in (29, 28, 27)
    ]
    assert tested["tweets"][0]["author"] == "lale"
    assert tested["tweets"][0]["url"].startswith("https://x.com/lale/status/")
    assert (tested["found"], tested["credits"], tested["usd"]) == (20, 300, "0.00300")
    assert code == 0
    assert out.count("زلزله در تهران") == 2
    assert "20 tweets came; cost: 300 credits ($0.003)" in out
    assert "lang:fa" in out  # a note that it names no language
    assert report["total"]["credits"] == site.twitter.credits_spent == 600
    assert [one["endpoint"] for one in report["by_endpoint"]] == ["search"]
    assert report["by_day"][0]["requests"] == 2


async def test_the_status_looks_at_the_balance(shell: Shell, site: TwitterSite) -> None:
    await shell("queries", "add", "زلزله lang:fa", "--priority", "high", "--every", "5")
    await shell("test", "--query", "زلزله lang:fa")

    status = await shell.json("status")
    code, out, _ = await shell("status")

    assert status["key"] is True
    assert status["balance"]["credits"] == 999_700
    assert status["budget"]["spent_credits"] == site.twitter.credits_spent == 300
    assert status["budget"]["limit_usd"] == "0.50000"
    assert [query["text"] for query in status["next_due"]] == ["زلزله lang:fa"]
    assert set(status["cache"]) == {"asked", "hit_rate"}
    assert code == 0
    assert "balance: 999700 credits ($9.997)" in out
    assert "today: $0.003 of $0.50 spent, $0.497 left" in out
    assert "next: right now  زلزله lang:fa" in out


async def test_a_spent_budget_is_told_as_the_chat_tells_it(
    tmp_path: Path, site: TwitterSite
) -> None:
    """With less left than a page costs nothing is due before the next day."""
    shell = alone(tmp_path, site, TWITTERAPI_DAILY_BUDGET_USD="0.002")
    await shell("queries", "add", "زلزله lang:fa")

    _, spent, _ = await shell("status")
    _, zero, _ = await alone(tmp_path, site, TWITTERAPI_DAILY_BUDGET_USD="0")("status")

    assert "the budget is spent and opens again tomorrow 00:00" in spent
    assert "next: tomorrow 00:00  زلزله lang:fa" in spent
    assert "the day's limit is zero: nothing is spent" in zero
    assert "next:" not in zero


async def test_how_often_is_asked_goes_by_priority(shell: Shell) -> None:
    """Unless it is said."""
    added = [
        await shell.json("queries", "add", f"زلزله {priority}", "--priority", priority)
        for priority in ("high", "medium", "low")
    ]

    assert [one["interval_s"] for one in added] == [300, 900, 3600]


async def test_searches_are_kept_from_the_shell(shell: Shell) -> None:
    added = await shell.json(
        "queries", "add", "زلزله", "--priority", "low", "--result", "mixed", "--every", "30"
    )
    again = await shell.json("queries", "add", "زلزله")
    await shell("queries", "pause", "زلزله")
    paused = await shell.json("queries", "list")
    await shell("queries", "resume", str(added["id"]))
    _, lines, _ = await shell("queries", "list")
    removed = await shell.json("queries", "remove", str(added["id"]))
    code, out, err = await shell("queries", "list")

    assert (added["new"], again["new"]) == (True, False)
    assert added["notes"]
    assert (added["priority"], added["result"], added["interval_s"]) == ("low", "mixed", 1800)
    assert [one["active"] for one in paused] == [False]
    assert " on " in lines
    assert removed["text"] == "زلزله"
    assert (code, out) == (0, "")
    assert "no search yet" in err


async def test_the_cache_is_shown_and_cleared(shell: Shell) -> None:
    """Without a word behind it: its status."""
    bare, whole = await shell.json("cache"), await shell.json("cache", "status")
    cleared = await shell.json("cache", "clear")

    assert bare == whole
    assert bare["level"] == "database"
    assert cleared == {"cleared": 0}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("test",), 2),
        (("test", "--query", "x", "--count", "0"), 2),
        (("report", "--days", "0"), 2),
        (("report", "--days", "many"), 2),
        (("queries", "add", "x", "--every", "2000"), 2),
        (("test", "--query", "(x"), 1),
        (("queries", "add", "x within_time:2h"), 1),
        (("queries", "pause", "7"), 1),
    ],
)
async def test_what_is_wrong_is_said_and_costs_nothing(
    shell: Shell, site: TwitterSite, words: tuple[str, ...], code: int
) -> None:
    given, out, err = await shell(*words)

    assert given == code
    assert out == ""
    assert err
    assert "Traceback" not in err
    assert site.twitter.calls == []


async def test_without_a_key_it_says_how_to_set_one(tmp_path: Path, site: TwitterSite) -> None:
    """What is in the database is shown all the same."""
    shell = alone(tmp_path, site, TWITTERAPI_API_KEY="")

    code, out, err = await shell("status", "--json")
    tested = await shell("test", "--query", "زلزله")
    report = await shell("report")

    assert (code, tested[0], report[0]) == (1, 1, 0)
    assert json.loads(out)["key"] is False
    assert json.loads(out)["budget"]["limit_credits"] == 50_000
    assert "TWITTERAPI_API_KEY" in err
    assert "TWITTERAPI_API_KEY" in tested[2]
    assert site.twitter.calls == []


async def test_a_refused_key_is_never_printed(tmp_path: Path, site: TwitterSite) -> None:
    shell = alone(tmp_path, site, TWITTERAPI_API_KEY="a-wrong-key-of-mine")

    code, out, err = await shell("test", "--query", "زلزله")

    assert code == 1
    assert "does not take the key" in err
    assert "a-wrong-key-of-mine" not in out + err


async def test_nothing_is_spent_beyond_the_budget(tmp_path: Path, site: TwitterSite) -> None:
    """Room for one page and a half: the second is not asked for."""
    shell = alone(tmp_path, site, TWITTERAPI_DAILY_BUDGET_USD="0.0045")

    first = await shell("test", "--query", "زلزله")
    second = await shell("test", "--query", "زلزله")

    assert (first[0], second[0]) == (0, 1)
    assert "budget" in second[2]
    assert site.twitter.credits_spent == 300


async def test_an_empty_account_is_told_apart(tmp_path: Path, site: TwitterSite) -> None:
    shell = alone(tmp_path, site)
    site.twitter.account.recharge(-1_000_000)

    tested = await shell("test", "--query", "زلزله")
    status = await shell("status")

    assert tested[0] == 1
    assert "Recharge it" in tested[2]
    assert "the account is empty" in status[1]


async def test_the_shell_and_a_running_bot_share_one_budget(tmp_path: Path) -> None:
    """What one of them adds, spends and sets, the other one knows of at once."""
    async with running(tmp_path) as world:
        twitter = world.box.twitter
        for number in range(30):
            twitter.write(f"زلزله در تهران {number}")
        shell = Shell(tmp_path / "hoshyar.db", world.box.twitter_key, world.box.twitter_url)
        asked = await world.say(ADMIN, "/addquery زلزله lang:fa", "جست‌وجوی تازه")
        await world.press_for(ADMIN, asked, "✅ ذخیره", "افزوده شد")
        await world.hoshyar.budget.set_limit(700)

        first, second, third = [await shell("test", "--query", "زلزله") for _ in range(3)]
        shown = await world.say(ADMIN, "/budget", "بودجهٔ توییتر")
        listed = await shell.json("queries", "list")

        assert [first[0], second[0], third[0]] == [0, 0, 1]
        assert "۰٫۰۰۶ دلار از ۰٫۰۰۷ دلار خرج شد" in shown["text"]
        assert [one["text"] for one in listed] == ["زلزله lang:fa"]
        assert twitter.credits_spent == 600


@pytest.mark.parametrize(
    ("more", "balance", "ok", "detail"),
    [
        ({}, 1_000_000, True, "1000000 credits ($10.00)"),
        ({}, 0, False, "recharge"),
        ({"TWITTERAPI_API_KEY": "wrong"}, 1_000_000, False, "the key is refused"),
        ({"TWITTERAPI_API_KEY": ""}, 1_000_000, None, "TWITTERAPI_API_KEY"),
        ({"TWITTERAPI_BASE_URL": "http://127.0.0.1:9"}, 1_000_000, False, ""),
    ],
)
async def test_check_has_a_verdict_on_it(
    tmp_path: Path,
    site: TwitterSite,
    more: dict[str, str],
    balance: int,
    ok: bool | None,
    detail: str,
) -> None:
    """A look at the balance, which costs nothing."""
    feeds = tmp_path / "none.opml"
    feeds.write_text('<opml version="2.0"><body/></opml>')
    site.twitter.account.recharge(balance - 1_000_000)

    _, out, err = await alone(tmp_path, site, FEEDS_FILE=str(feeds), **more).run("check", "--json")

    verdicts = {one["what"]: one for one in json.loads(out)}
    verdict = verdicts["twitter"]
    assert verdict["ok"] is ok, err
    assert detail in verdict["detail"]
    assert verdicts["feeds"]["detail"] == "the list of feeds is empty"
    assert site.twitter.credits_spent == 0
