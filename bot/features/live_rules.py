"""Our filter rules at the service, kept in step with what is to be live.

Every word about rules costs money, so they are listed once and then known, until something goes
wrong. Rules that bear no tag of ours belong to somebody else and are left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import BudgetSpent, OutOfCredit, SourceError, said
from bot.models.live import query_of, tag_of
from bot.models.tweets import FilterRule
from bot.ports import Clock
from bot.services.twitter_api import TwitterApi

log = logging.getLogger(__name__)

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
_LONGEST_TO_REST = timedelta(minutes=5)  # what does not rest costs more than trying


class LiveRules:
    """What one worker, the one that has the lease, knows of our rules."""

    def __init__(self, api: TwitterApi, clock: Clock, *, interval_s: float) -> None:
        self._api = api
        self._clock = clock
        self._interval_s = interval_s
        self._known: dict[int, FilterRule] | None = None
        self._active_since: dict[int, datetime] = {}
        self._failures = 0
        self._failed_at: datetime | None = None

    def active_since(self, query_id: int) -> datetime | None:
        """Since when the rule of a query surely pushes; None: it does not."""
        return self._active_since.get(query_id)

    def rule_id(self, query_id: int) -> str:
        rule = (self._known or {}).get(query_id)
        return rule.id if rule else ""

    @property
    def count(self) -> int:
        """How many there are, as far as is known."""
        return len(self._known or {})

    async def keep(self, wanted: Mapping[int, str], *, active: bool, is_last: bool = False) -> bool:
        """Have a rule for each of the texts, by query, and no other; all at work, or all at rest.

        False when that could not be done now; it is tried again at a later call, a while after
        trouble, unless there will be no later call.
        """
        now = self._clock()
        longest = _LONGEST_PAUSE if active else _LONGEST_TO_REST
        pause = min(longest, _FIRST_PAUSE * 2 ** min(max(self._failures - 1, 0), 10))
        if not is_last and self._failed_at is not None and now < self._failed_at + pause:
            return False
        try:
            await self._keep(wanted, active)
        except (BudgetSpent, OutOfCredit) as error:
            log.info("no money to change live rules", extra={"why": said(error)})
            return False
        except SourceError as error:
            # What was asked for may have happened or not: they are listed anew.
            self._known = None
            self._active_since.clear()
            self._failures += 1
            self._failed_at = now
            fields = {"why": said(error), "failures": self._failures}
            log.warning("live rules could not be changed", extra=fields)
            return False
        self._failures, self._failed_at = 0, None
        return True

    async def _keep(self, wanted: Mapping[int, str], active: bool) -> None:
        if self._known is None:
            await self._list()
        assert self._known is not None  # noqa: S101 - listed just now
        for query_id in [known for known in self._known if known not in wanted]:
            await self._api.delete_rule(self._known[query_id].id)
            self._forget(query_id)
        for query_id, text in wanted.items():
            rule = self._known.get(query_id)
            if rule is None:
                if not active:
                    continue
                rule = await self._api.add_rule(tag_of(query_id), text, self._interval_s)
                self._known[query_id] = rule
            meant = replace(rule, value=text, interval_s=self._interval_s, active=active)
            if meant != rule:
                self._active_since.pop(query_id, None)
                await self._api.update_rule(meant)
                self._known[query_id] = meant
            if active:
                self._active_since.setdefault(query_id, self._clock())

    async def _list(self) -> None:
        known: dict[int, FilterRule] = {}
        for rule in await self._api.rules():
            query_id = query_of(rule.tag)
            if not query_id:
                continue
            if query_id in known:  # made by an answer that never reached us
                await self._api.delete_rule(rule.id)
            else:
                known[query_id] = rule
        self._known = known
        self._active_since.clear()

    def _forget(self, query_id: int) -> None:
        assert self._known is not None  # noqa: S101 - who asks knows
        del self._known[query_id]
        self._active_since.pop(query_id, None)
