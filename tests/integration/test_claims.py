"""Claims: work is handed out once, comes back from the dead, and counts only from its holder."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import LeaseLost
from bot.ports import Database
from tests.lock_processes import Child, claims_of, finish, make_tables

LONG = timedelta(minutes=5)
DUE = (10**9,)


async def _expire(db: Database, token: int) -> None:
    """As if the time had passed."""
    assert await db.execute("UPDATE items SET claim_until_ms = 1 WHERE claim_token = ?", (token,))


async def _times_done(db: Database) -> list[tuple[int, int]]:
    rows = await db.fetch_all("SELECT times_done, COUNT(*) FROM items GROUP BY times_done")
    return [(int(times), int(count)) for times, count in rows]


async def test_claims_come_in_order_and_do_not_overlap(db: Database) -> None:
    """Each gets the next rows that are due; nothing is left for the last."""
    await make_tables(db, items=5)
    claims = claims_of(db)

    first = await claims.claim(2, LONG, (4,))
    second = await claims.claim(9, LONG, (4,))
    third = await claims.claim(9, LONG, (4,))

    assert (first.ids, second.ids, third.ids) == ((1, 2), (3, 4), ())
    assert len({first.token, second.token}) == 2


@pytest.mark.sqlite
async def test_taking_goes_by_the_ids_however_many_are_due(db: Database) -> None:
    """Without statistics the planner would walk the index of all due rows for each claim."""
    await make_tables(db, items=1)
    marks = ", ".join("?" for _ in range(100))

    plan = await db.fetch_all(
        f"EXPLAIN QUERY PLAN {claims_of(db).taking} IN ({marks})", (1, 1, *DUE, *range(100))
    )

    assert [row[3] for row in plan] == ["SEARCH items USING INTEGER PRIMARY KEY (rowid=?)"]


async def test_a_finished_row_is_free_of_its_claim(db: Database) -> None:
    """The claim ends with the work, and a second completion is refused."""
    await make_tables(db, items=1)
    claims = claims_of(db)
    got = await claims.claim(1, LONG, DUE)

    await finish(db, claims, 1, got.token)
    with pytest.raises(LeaseLost, match="items 1"):
        await finish(db, claims, 1, got.token)

    assert await db.fetch_all("SELECT claim_token, claim_until_ms, times_done FROM items") == [
        (0, 0, 1)
    ]


async def test_what_ran_out_goes_to_the_next_and_the_late_are_refused(db: Database) -> None:
    """The effect of a stale completion is taken back with it."""
    await make_tables(db, items=1)
    claims = claims_of(db)
    old = await claims.claim(1, LONG, DUE)
    await _expire(db, old.token)

    with pytest.raises(LeaseLost):  # also while nobody else has taken it
        await finish(db, claims, 1, old.token)
    new = await claims.claim(1, LONG, DUE)
    with pytest.raises(LeaseLost):
        await finish(db, claims, 1, old.token)
    await finish(db, claims, 1, new.token)

    assert new.ids == old.ids
    assert await _times_done(db) == [(1, 1)]


async def test_rows_that_are_finished_together_are_all_ours_or_none(db: Database) -> None:
    """One row that another has taken refuses the whole batch."""
    await make_tables(db, items=3)
    claims = claims_of(db)
    got = await claims.claim(3, LONG, DUE)
    await db.execute("UPDATE items SET claim_until_ms = 1 WHERE id = 2")
    other = await claims.claim(3, LONG, DUE)

    assert other.ids == (2,)
    with pytest.raises(LeaseLost, match="3 rows of items"):
        await db.write(lambda tx: claims.confirm_all(tx, got.ids, got.token))
    await db.write(lambda tx: claims.confirm_all(tx, (1, 3), got.token))
    await db.write(lambda tx: claims.confirm_all(tx, (), got.token))

    rows = await db.fetch_all("SELECT id FROM items WHERE claim_token = 0 ORDER BY id")
    assert rows == [(1,), (3,)]


async def test_rows_finish_in_one_statement_where_nothing_else_changes(db: Database) -> None:
    """What is ours is changed and free, what another has taken stays as it is."""
    await make_tables(db, items=3)
    claims = claims_of(db)
    got = await claims.claim(3, LONG, DUE)
    await db.execute("UPDATE items SET claim_until_ms = 1 WHERE id = 2")
    await claims.claim(3, LONG, DUE)

    finished = await claims.finish(got.ids, got.token, "times_done = times_done + ?", (7,))

    rows = await db.fetch_all("SELECT id, times_done, claim_until_ms > 0 FROM items ORDER BY id")
    assert finished == 2
    assert rows == [(1, 7, 0), (2, 0, 1), (3, 7, 0)]
    assert await claims.finish((), got.token, "times_done = 9") == 0


async def test_what_is_given_back_is_free_at_once(db: Database) -> None:
    """Giving back touches nobody else's rows, and a late giver-back none at all."""
    await make_tables(db, items=4)
    claims = claims_of(db)
    mine = await claims.claim(2, LONG, DUE)
    theirs = await claims.claim(2, LONG, DUE)

    await claims.release(mine.token)
    again = await claims.claim(9, LONG, DUE)
    await claims.release(mine.token)

    assert again.ids == (1, 2)
    assert (await claims.claim(9, LONG, DUE)).ids == ()
    await finish(db, claims, 3, theirs.token)


async def test_of_four_workers_none_gets_what_another_has(
    db: Database, address: str, tmp_path: Path
) -> None:
    """Four processes, two thousand rows, batches of different sizes: each row is done once."""
    await make_tables(db, items=2000)
    start = tmp_path / "start"
    children = [
        Child("claim", address, limit=limit, ttl_s=300, start=str(start))
        for limit in (3, 10, 20, 50)
    ]
    done: list[int] = []
    refused = 0
    for child in children:
        await child.__aenter__()
    try:
        for child in children:
            await child.until("ready")
        start.touch()
        for child in children:
            while "done" not in (said := await child.line()):
                assert said["claimed"]
            done += said["done"]
            refused += said["refused"]
    finally:
        for child in children:
            await child.__aexit__()

    assert sorted(done) == list(range(1, 2001))
    assert refused == 0
    assert await _times_done(db) == [(1, 2000)]


async def test_the_claims_of_a_killed_worker_come_back(
    db: Database, address: str, tmp_path: Path
) -> None:
    """kill -9 with rows in hand: they are due again when the claim has run out."""
    await make_tables(db, items=3)
    claims = claims_of(db)
    start = tmp_path / "start"
    start.touch()
    async with Child("claim", address, limit=3, ttl_s=4, linger_s=600, start=str(start)) as child:
        assert await child.until("claimed") == [1, 2, 3]
        child.signal(signal.SIGKILL)
        await child.process.wait()

    assert (await claims.claim(3, LONG, DUE)).ids == ()
    assert await db.execute("UPDATE items SET claim_until_ms = claim_until_ms - 4000") == 3
    assert (await claims.claim(3, LONG, DUE)).ids == (1, 2, 3)


async def test_a_worker_that_slept_too_long_completes_nothing(
    db: Database, address: str, tmp_path: Path
) -> None:
    """SIGSTOP for longer than the claim: the rows are done by another, and once."""
    await make_tables(db, items=3)
    claims = claims_of(db)
    start = tmp_path / "start"
    start.touch()
    async with Child("claim", address, limit=3, ttl_s=60, linger_s=1, start=str(start)) as child:
        assert await child.until("claimed") == [1, 2, 3]
        child.stop()
        await db.execute("UPDATE items SET claim_until_ms = claim_until_ms - 60000")
        got = await claims.claim(3, LONG, DUE)
        for item in got.ids:
            await finish(db, claims, item, got.token)
        child.signal(signal.SIGCONT)
        last = await child.line()

    assert got.ids == (1, 2, 3)
    assert last == {"done": [], "refused": 3}
    assert await _times_done(db) == [(1, 3)]
