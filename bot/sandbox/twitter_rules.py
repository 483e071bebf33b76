"""Filter rules: searches the double runs by itself, told to a WebSocket and to a webhook.

An active rule looks every `interval_seconds` for what became findable since it looked last, and
that costs the key's credits whether anybody listens or not.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bot.sandbox.twitter_asked import OK, Answer, Asked, Json, failed, wrong
from bot.sandbox.twitter_language import SearchText
from bot.sandbox.twitter_ledger import LEAST, TWEET, Account
from bot.sandbox.twitter_shelf import Held

if TYPE_CHECKING:
    from bot.sandbox.twitter_double import TwitterDouble

_LOG = logging.getLogger(__name__)
_LONGEST = 255
_INTERVALS_S = (0.1, 86_400)
_EVENT_TWEETS = 20
_LOOKS_BACK_MS = 600_000  # for what was indexed late
_WEBHOOK_TRIES = 3
_WEBHOOK_TIMEOUT_S = 10.0
_GOING_AWAY = 1001
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(slots=True)
class Rule:
    """One rule of one key. `seen` are ids it told of already."""

    id: str
    key: str
    tag: str
    value: str
    interval_s: float
    is_active: bool = False
    from_ms: int = 0
    due: float = 0.0
    seen: dict[int, int] = field(default_factory=dict)

    def to_json(self) -> Json:
        """Return it as get_rules tells it."""
        return {
            "rule_id": self.id,
            "user_id": 1,
            "tag": self.tag,
            "value": self.value,
            "interval_seconds": self.interval_s,
            "is_effect": int(self.is_active),
            "is_delete": 0,
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to post an event to the webhook; status 0: nobody answered."""

    status: int
    tweets: int


class Rules:
    """All rules, and the task that runs those that are active."""

    def __init__(self, double: TwitterDouble) -> None:
        self._double = double
        self._rules: dict[str, Rule] = {}
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._posting: set[asyncio.Task[None]] = set()
        self.sockets: dict[str, asyncio.Queue[Json | int]] = {}
        self.webhooks: dict[str, str] = {}
        self.webhook_wait_s = 1.0
        self.deliveries: list[Delivery] = []

    def of(self, key: str) -> list[Rule]:
        """Return the rules of a key."""
        return [rule for rule in self._rules.values() if rule.key == key]

    def add(self, key: str, tag: str, value: str, interval_s: float) -> Rule:
        """Make a rule, at rest."""
        rule = Rule(f"rule{next(self._numbers):08x}", key, tag, value, interval_s)
        self._rules[rule.id] = rule
        return rule

    def find(self, key: str, rule_id: str) -> Rule:
        """Return a rule of this key."""
        rule = self._rules.get(rule_id)
        if rule is None or rule.key != key:
            raise failed("rule not found")
        return rule

    def delete(self, rule: Rule) -> None:
        """Forget a rule."""
        del self._rules[rule.id]

    def change(self, rule: Rule, tag: str, value: str, interval_s: float, *, active: bool) -> None:
        """Change a rule; one that wakes begins with what is written from now on."""
        if active and not (rule.is_active and rule.value == value):
            rule.from_ms = now_ms = self._double.now_ms()
            before = self._double.found(self._double.read(value), now_ms, since_ms=now_ms)
            rule.seen = {tweet.id: tweet.at_ms for tweet in before}
            rule.due = time.monotonic()
        rule.tag, rule.value, rule.interval_s, rule.is_active = tag, value, interval_s, active
        if active and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="twitter rules")
            self._task.add_done_callback(_tell_trouble)
        self._changed.set()

    def clear(self) -> None:
        """Forget every rule and webhook; whoever listens goes on listening."""
        self._rules.clear()
        self.webhooks.clear()
        self.deliveries.clear()

    def set_webhook(self, key: str, url: str) -> None:
        """Post what is found to a URL on this machine; an empty one ends it."""
        if url and urlsplit(url).hostname not in _LOOPBACK:
            raise ValueError("the webhook must be on a loopback address")
        self.webhooks[key] = url

    def drop_socket(self, key: str, code: int) -> bool:
        """Close the WebSocket of a key with a code; False when there is none."""
        queue = self.sockets.get(key)
        if queue is not None:
            queue.put_nowait(code)
        return queue is not None

    async def stop(self) -> None:
        """End everything that runs."""
        for queue in self.sockets.values():
            queue.put_nowait(_GOING_AWAY)
        tasks = [*self._posting, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    async def _run(self) -> None:
        while True:
            active = [rule for rule in self._rules.values() if rule.is_active]
            for rule in active:
                if rule.due <= time.monotonic():
                    rule.due = time.monotonic() + rule.interval_s
                    self.look(rule)
            wait_s = min((rule.due for rule in active), default=1e9) - time.monotonic()
            self._changed.clear()
            try:
                async with asyncio.timeout(max(wait_s, 0.0)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def look(self, rule: Rule) -> int:
        """Run a rule once; returns how many tweets it told of."""
        account = self._double.accounts[rule.key]
        if account.is_empty:
            return 0
        now_ms = self._double.now_ms()
        query: SearchText = self._double.read(rule.value)
        since_ms = max(rule.from_ms, now_ms - _LOOKS_BACK_MS)
        found = [
            tweet
            for tweet in self._double.found(query, now_ms, since_ms=since_ms)
            if tweet.id not in rule.seen
        ]
        rule.seen |= {tweet.id: tweet.at_ms for tweet in found}
        rule.seen = {number: at for number, at in rule.seen.items() if at >= since_ms}
        found.reverse()
        if not found:
            if self._double.charges_empty_checks:
                account.charge("push", LEAST, query=rule.value)
            return 0
        for nth in range(0, len(found), _EVENT_TWEETS):
            self._tell(account, rule, found[nth : nth + _EVENT_TWEETS], now_ms)
        return len(found)

    def _tell(self, account: Account, rule: Rule, tweets: list[Held], now_ms: int) -> None:
        account.charge("push", TWEET * len(tweets), query=rule.value, n=len(tweets))
        event: Json = {
            "event_type": "tweet",
            "rule_id": rule.id,
            "rule_tag": rule.tag,
            "rule_value": rule.value,
            "tweets": [self._double.forms.searched(tweet) for tweet in tweets],
            "timestamp": now_ms,
        }
        queue = self.sockets.get(rule.key)
        if queue is not None:
            queue.put_nowait(event)
        if url := self.webhooks.get(rule.key, ""):
            self._spawn(self._post(url, rule.key, event))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _post(self, url: str, key: str, event: Json) -> None:
        """Post an event until somebody takes it, a few times."""
        import httpx
        import orjson

        body, headers = orjson.dumps(event), {"X-API-Key": key, "content-type": "application/json"}
        async with httpx.AsyncClient(timeout=_WEBHOOK_TIMEOUT_S, trust_env=False) as client:
            for nth in range(_WEBHOOK_TRIES):
                status = 0
                try:
                    status = (await client.post(url, content=body, headers=headers)).status_code
                except httpx.HTTPError as error:
                    _LOG.info("webhook not reached error=%s", type(error).__name__)
                self.deliveries.append(Delivery(status, len(event["tweets"])))
                if 200 <= status < 300:
                    return
                await asyncio.sleep(self.webhook_wait_s * 2**nth)


def _tell_trouble(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.error("the rules run no more", exc_info=task.exception())


def _told_interval(asked: Asked) -> float:
    given = asked.given("interval_seconds", float)
    interval_s = float(given)
    if not _INTERVALS_S[0] <= interval_s <= _INTERVALS_S[1]:
        raise wrong("interval_seconds must be between 0.1 and 86400")
    return interval_s


def add_rule(asked: Asked) -> Answer:
    """POST add_rule: it is made, and does nothing yet."""
    tag = asked.given("tag", str, longest=_LONGEST)
    value = asked.given("value", str, longest=_LONGEST)
    rule = asked.double.rules.add(asked.account.key, tag, value, _told_interval(asked))
    return Answer({"rule_id": rule.id, **OK})


def get_rules(asked: Asked) -> Answer:
    """GET get_rules."""
    rules = asked.double.rules.of(asked.account.key)
    return Answer({"rules": [rule.to_json() for rule in rules], **OK})


def update_rule(asked: Asked) -> Answer:
    """POST update_rule: everything has to be sent again; without is_effect it goes to rest."""
    rules = asked.double.rules
    rule_id = asked.given("rule_id", str)
    tag = asked.given("tag", str, longest=_LONGEST)
    value = asked.given("value", str, longest=_LONGEST)
    interval_s = _told_interval(asked)
    effect = asked.body.get("is_effect", 0)
    if isinstance(effect, bool) or effect not in {0, 1}:
        raise wrong("is_effect must be 0 or 1")
    rule = rules.find(asked.account.key, rule_id)
    rules.change(rule, tag, value, interval_s, active=effect == 1)
    return Answer(dict(OK))


def delete_rule(asked: Asked) -> Answer:
    """DELETE delete_rule: the id is in the body."""
    rules = asked.double.rules
    rules.delete(rules.find(asked.account.key, asked.given("rule_id", str)))
    return Answer(dict(OK))
