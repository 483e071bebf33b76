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

LOOKED_AT = 2_000  # the newest tweets on a term; of more the older ones are not weighed
SHOWN = 8
COMPANIONS = 8


class TermDrivers:
    def __init__(
        self,
        search: SearchIndex,
        store: DriverStore,
        people: PeopleStore,
        analyser: Analyser,
        clock: Clock,
    ) -> None:
        self._search = search
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
        since = self._clock() - window.span
        own = trend_key(term)
        named = {
            key: other
            for other in await self._analyser.related(term, window, limit=COMPANIONS)
            if (key := trend_key(other)) and key != own
        }
        async with asyncio.TaskGroup() as group:
            tasks = {
                key: group.create_task(self._together(term, other, since))
                for key, other in named.items()
            }
        return tuple(
            Companion(
                key=key, term=named[key], posts=task.result()[0], is_estimate=task.result()[1]
            )
            for key, task in tasks.items()
        )

    async def _together(self, term: str, other: str, since: datetime) -> tuple[int, bool]:
        figure = await self._search.count(f"{term_query(term)} {term_query(other)}", since)
        return figure.value, figure.is_estimate
