"""/queries and /addquery: searches on X, put together by buttons, tested, changed, judged."""

from __future__ import annotations

import logging
import re

from bot.errors import BadInput, NotFound, SourceError
from bot.features.queries import LEAST_INTERVAL_S, MOST_INTERVAL_S, QueryLine
from bot.handlers.asked import Answers, Asked, Commands, Presses
from bot.handlers.buttons import Verb, pack
from bot.handlers.terms import query_ref, text_of
from bot.handlers.views.budget import no_key_message, trouble_message
from bot.handlers.views.queries import (
    choice_message,
    hints_message,
    interval_question,
    known_message,
    queries_message,
    query_message,
    removal_question,
    test_back,
    text_question,
)
from bot.handlers.views.query_drafts import (
    Draft,
    draft_back,
    draft_message,
    test_message,
    words_question,
)
from bot.handlers.views.query_live import live_question
from bot.models.messages import Button
from bot.models.tweets import Priority, ResultType, TweetQuery
from bot.utils.times import ascii_digits

log = logging.getLogger(__name__)

AWAITED_WORDS, AWAITED_TEXT, AWAITED_INTERVAL = "x-words", "x-text", "x-interval"
_PRIORITIES = {each.name.lower(): each for each in Priority}
_RESULTS = {each.value: each for each in ResultType}


async def queries(asked: Asked) -> None:
    """/queries"""
    await asked.hoshyar.chats.take_answer(asked.chat.id, asked.user.id)
    lines = await asked.hoshyar.queries.all()
    await asked.show(queries_message(asked.reader, lines, asked.number(0)))


async def hints(asked: Asked) -> None:
    """What does not pay."""
    await asked.show(hints_message(asked.reader, await asked.hoshyar.queries.suggestions()))


# --- a new one


async def addquery(asked: Asked) -> None:
    """/addquery <text>"""
    if asked.text.strip():
        await _begin(asked)
    else:
        await add_pressed(asked)


async def add_pressed(asked: Asked) -> None:
    await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_WORDS)
    await asked.reply(words_question(asked.reader))
    await asked.note()


async def words_written(asked: Asked) -> None:
    """The awaited words; wrong ones may be written again."""
    try:
        await _begin(asked)
    except BadInput:
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_WORDS)
        raise


async def _begin(asked: Asked) -> None:
    draft = Draft.begun(asked.text.strip())
    await _show_draft(asked, draft, await query_ref(asked, draft.text))


async def _show_draft(asked: Asked, draft: Draft, ref: str) -> None:
    has_key = asked.hoshyar.twitter.has_key
    await asked.show(draft_message(asked.reader, draft, ref, has_key=has_key))


async def _draft(asked: Asked) -> Draft:
    text = await text_of(asked, asked.arg(0), "error.stale_button")
    return Draft.of(text, asked.arg(1))


async def draft(asked: Asked) -> None:
    """A button that adds something to the search, or takes it away."""
    await _show_draft(asked, await _draft(asked), asked.arg(0))


async def try_draft(asked: Asked) -> None:
    """Ask for one page of a search that is not added yet."""
    wanted, ref = await _draft(asked), asked.arg(0)
    back = pack(Verb.QUERY_DRAFT, ref, wanted.code)
    await _test(asked, wanted.checked.text, back, *draft_back(asked.reader, wanted, ref))


async def save(asked: Asked) -> None:
    wanted = await _draft(asked)
    added = await asked.hoshyar.queries.add(wanted.checked.text, by=asked.user.id)
    if added.is_new:
        log.info("a query was added", extra={"query": added.query.id, "by": asked.user.id})
    await _show(asked, added.query, 0, "query.saved" if added.is_new else "query.exists")


# --- one of them


async def query(asked: Asked) -> None:
    await asked.hoshyar.chats.take_answer(asked.chat.id, asked.user.id)
    await _show(asked, await asked.hoshyar.queries.get(asked.number(0)), asked.number(1))


async def _show(asked: Asked, shown: TweetQuery, page: int, note: str = "") -> None:
    line, state = await _line(asked, shown), await asked.hoshyar.live.state()
    said = asked.t(note) if note else ""
    await asked.show(query_message(asked.reader, line, page, said, state))


async def _line(asked: Asked, shown: TweetQuery) -> QueryLine:
    for line in await asked.hoshyar.queries.all():
        if line.query.id == shown.id:
            return line
    raise NotFound("query.gone")


async def state(asked: Asked) -> None:
    """Pause or resume."""
    query_id, resume = asked.number(0), asked.number(1) == 1
    found = asked.hoshyar.queries
    changed = await (found.resume(query_id) if resume else found.pause(query_id))
    log.info(
        "a query was resumed" if resume else "a query was paused",
        extra={"query": query_id, "by": asked.user.id},
    )
    await _show(asked, changed, asked.number(2), "query.resumed" if resume else "query.paused")


async def live(asked: Asked) -> None:
    """Have a query pushed to us, for a price that is told first, or searched for again."""
    known, wanted = await asked.hoshyar.queries.get(asked.number(0)), asked.number(1) == 1
    if wanted and not asked.hoshyar.twitter.has_key:
        await asked.show(no_key_message(asked.reader, pack(Verb.QUERY, known.id, asked.number(2))))
        return
    if wanted and asked.arg(3) != "yes":
        price = await asked.hoshyar.live.price(known.id)
        await asked.show(live_question(asked.reader, known, price, asked.number(2)))
        return
    if wanted:
        await asked.hoshyar.live.on(known.id)
    else:
        await asked.hoshyar.live.off(known.id)
    log.info(
        "a query is to be live" if wanted else "a query is not live any more",
        extra={"query": known.id, "by": asked.user.id},
    )
    await _show(asked, known, asked.number(2), "query.live_on" if wanted else "query.live_off")


async def test(asked: Asked) -> None:
    """Ask for one page of a query now; its tweets are kept, since they were paid for."""
    known = await asked.hoshyar.queries.get(asked.number(0))
    page = asked.number(1)
    back = pack(Verb.QUERY, known.id, page)
    await _test(asked, known.text, back, test_back(asked.reader, known, page))


async def _test(asked: Asked, text: str, back: str, *rows: tuple[Button, ...]) -> None:
    if not asked.hoshyar.twitter.has_key:
        await asked.show(no_key_message(asked.reader, back))
        return
    await asked.note(asked.t("query.testing"))
    try:
        async with asked.telegram.typing(asked.chat.id):
            tested = await asked.hoshyar.queries.test(text)
    except SourceError as error:
        log.warning("a test of a query failed: %s", error)
        await asked.show(trouble_message(asked.reader, error, back))
        return
    log.info("a query was tested", extra={"credits": tested.credits, "by": asked.user.id})
    await asked.show(test_message(asked.reader, tested, *rows))


async def edit(asked: Asked) -> None:
    """A field of a query: its choices, an awaited answer, or the value that was chosen."""
    known = await asked.hoshyar.queries.get(asked.number(0))
    page, field, value = asked.number(1), asked.arg(2), asked.arg(3)
    detail = f"{known.id}:{page}"
    if field == "text":
        await _expect(asked, AWAITED_TEXT, detail)
        await asked.reply(text_question(asked.reader, known, page))
    elif field == "interval" and value == "other":
        await _expect(asked, AWAITED_INTERVAL, detail)
        await asked.reply(interval_question(asked.reader, known, page))
    elif field in ("priority", "result", "interval") and not value:
        await asked.show(choice_message(asked.reader, known, field, page))
    else:
        changed = await _changed(asked, known, field, value)
        await _show(asked, changed, page, "query.changed")


async def _changed(asked: Asked, known: TweetQuery, field: str, value: str) -> TweetQuery:
    found = asked.hoshyar.queries
    if field == "priority" and value in _PRIORITIES:
        return await found.edit(known.id, priority=_PRIORITIES[value])
    if field == "result" and value in _RESULTS:
        return await found.edit(known.id, result_type=_RESULTS[value])
    if field == "interval":
        return await found.edit(known.id, interval_s=asked.number(3))
    raise NotFound("error.stale_button")


async def _expect(asked: Asked, what: str, detail: str) -> None:
    await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, what, detail)
    await asked.note()


async def text_written(asked: Asked) -> None:
    """The awaited text of a query; a wrong one may be written again."""
    query_id, page = _where(asked)
    try:
        changed = await asked.hoshyar.queries.edit(query_id, text=asked.text)
    except BadInput as error:
        await _expect(asked, AWAITED_TEXT, asked.command)
        known_id = error.fields.get("id")
        if error.text_key != "query.known" or not isinstance(known_id, int):
            raise
        known = await asked.hoshyar.queries.get(known_id)
        await asked.show(known_message(asked.reader, known, page))
        return
    log.info("a query's text was changed", extra={"query": query_id, "by": asked.user.id})
    await _show(asked, changed, page, "query.changed")


async def interval_written(asked: Asked) -> None:
    """The awaited number of minutes."""
    query_id, page = _where(asked)
    found = re.search(r"\d{1,6}", ascii_digits(asked.text))
    seconds = int(found[0]) * 60 if found else 0
    if not LEAST_INTERVAL_S <= seconds <= MOST_INTERVAL_S:
        await _expect(asked, AWAITED_INTERVAL, asked.command)
        least, most = LEAST_INTERVAL_S // 60, MOST_INTERVAL_S // 60
        raise BadInput("query.bad_minutes", least=least, most=most)
    changed = await asked.hoshyar.queries.edit(query_id, interval_s=seconds)
    await _show(asked, changed, page, "query.changed")


def _where(asked: Asked) -> tuple[int, int]:
    """The query that an awaited answer is about, and the page of the list it was opened from."""
    query_id, _, page = asked.command.partition(":")
    return int(query_id), int(page)


async def remove(asked: Asked) -> None:
    """Asks first."""
    known = await asked.hoshyar.queries.get(asked.number(0))
    page = asked.number(1)
    if asked.arg(2) != "yes":
        await asked.show(removal_question(asked.reader, known, page))
        return
    await asked.hoshyar.queries.remove(known.id)
    log.info("a query was removed", extra={"query": known.id, "by": asked.user.id})
    await asked.note(asked.t("query.removed"))
    await asked.show(queries_message(asked.reader, await asked.hoshyar.queries.all(), page))


COMMANDS: Commands = {"queries": queries, "addquery": addquery}
PRESSES: Presses = {
    Verb.QUERIES: queries,
    Verb.QUERY: query,
    Verb.QUERY_ADD: add_pressed,
    Verb.QUERY_DRAFT: draft,
    Verb.QUERY_TRY: try_draft,
    Verb.QUERY_SAVE: save,
    Verb.QUERY_STATE: state,
    Verb.QUERY_LIVE: live,
    Verb.QUERY_TEST: test,
    Verb.QUERY_EDIT: edit,
    Verb.QUERY_REMOVE: remove,
    Verb.QUERY_HINTS: hints,
}
ANSWERS: Answers = {
    AWAITED_WORDS: words_written,
    AWAITED_TEXT: text_written,
    AWAITED_INTERVAL: interval_written,
}
