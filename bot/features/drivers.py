"""Who drives a term on X, and which terms move together with it."""

from __future__ import annotations

import asyncio
from datetime import datetime

from bot.analysis.terms import trend_key
from bot.features.analyse import Analyser
from bot.features.lookup import term_query
from bot.models.drivers import Companion, Driver, Drivers
from bot.models.insight import Window
from bot.models.post import PostKind
from bot.ports import Clock
from bot.services.search_index import SearchIndex
from bot.storage.drivers import DriverStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore

LOOKED_AT = 2_000  # the newest tweets on a term; of more the older ones are not weighed
SHOWN = 8
COMPANIONS = 8
CONSIDERED = 12  # companions that are counted; each costs two searches
LEAST_POSTS = 2  # that say both
LEAST_LIFT = 2.0  # times as many as there would be of two terms that know nothing of each other


class TermDrivers:
    def __init__(
        self,
        search: SearchIndex,
        posts: PostStore,
        store: DriverStore,
        people: PeopleStore,
        analyser: Analyser,
        clock: Clock,
    ) -> None:
        self._search = search
        self._posts = posts
        self._store = store
        self._people = people
        self._analyser = analyser
        self._clock = clock

    async def who(self, term: str, window: Window) -> Drivers:
        """The authors of a term's tweets whose posts are heard most, the loudest first."""
        hits = await self._search.search(
            term_query(term),
            LOOKED_AT,
            order="newest",
            since=self._clock() - window.span,
            kind=PostKind.TWEET,
        )
        voices = await self._store.of(hits.ids)
        voices.sort(key=lambda voice: (-voice.heard, -voice.sums.views, voice.username))
        loudest = voices[:SHOWN]
        people = await self._people.get_many(voice.author_id for voice in loudest)
        return Drivers(
            term=term,
            window=window,
            posts=sum(voice.sums.posts for voice in voices),
            is_part=len(hits.ids) >= LOOKED_AT or hits.back_to is not None,
            voices=len(voices),
            top=tuple(Driver(voice=voice, person=people.get(voice.author_id)) for voice in loudest),
        )

    async def related(self, term: str, window: Window) -> tuple[Companion, ...]:
        """Terms said with this one far more often than chance would have it, most telling first."""
        own = trend_key(term)
        named = {
            key: other
            for other in await self._analyser.related(term, window, limit=CONSIDERED)
            if (key := trend_key(other)) and key != own
        }
        if not named:
            return ()
        now = self._clock()
        since = now - window.span
        fates = await self._posts.count_between(since, now)
        said = await self._search.count(term_query(term), since)
        share = said.value / max(1, fates.get("kept", 0))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._companion(term, key, other, since, share))
                for key, other in named.items()
            ]
        found = [task.result() for task in tasks]
        return tuple(one for one in found if one is not None)[:COMPANIONS]

    async def _companion(
        self, term: str, key: str, other: str, since: datetime, share: float
    ) -> Companion | None:
        """The other term, unless it hardly cares whether the first one is there.

        `share` is how much of everything speaks of the first term.
        """
        both = await self._search.count(f"{term_query(term)} {term_query(other)}", since)
        alone = await self._search.count(term_query(other), since)
        if both.value < LEAST_POSTS or both.value < LEAST_LIFT * alone.value * share:
            return None
        return Companion(key=key, term=other, posts=both.value, is_estimate=both.is_estimate)
