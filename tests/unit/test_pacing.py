"""Pacing: never faster than Telegram allows, never slower than it must be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.flood import FloodControl
from bot.services.pacing import EVERY_CHAT, Pacer

CHATS = (11, 12, 13, -21, -22)


class Time:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def send_all(pacer: Pacer, time: Time, chats: list[int], *, priority: bool = False) -> list[float]:
    """Send to each chat as soon as the pacer lets it; the times at which they went."""
    times = []
    for chat in chats:
        while wait_s := pacer.wait_s(chat, priority=priority):
            time.now += wait_s
        pacer.take(chat)
        times.append(time.now)
    return times


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(CHATS), st.booleans(), st.sampled_from([0.0, 0.0, 0.01, 0.4, 7.0])
        ),
        max_size=120,
    )
)
def test_the_flood_control_of_telegram_never_strikes(
    demand: list[tuple[int, bool, float]],
) -> None:
    """Whatever is sent to whom and when, an independent counter of Telegram's limits stays at 0."""
    time, judge = Time(), FloodControl()
    pacer = Pacer(time)

    for chat, priority, pause_s in demand:
        time.now += pause_s
        while wait_s := pacer.wait_s(chat, priority=priority):
            time.now += wait_s
        pacer.take(chat)
        judge.check("sendMessage", chat, 1, time.now, time.now)

    assert judge.report() == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(range(1, 400)), min_size=60, max_size=200))
def test_many_chats_share_twenty_five_a_second(chats: list[int]) -> None:
    """In no second do more than 25 and the burst go out, and a full queue keeps that pace."""
    time = Time()
    pacer = Pacer(time)

    distinct = sorted(set(chats))
    times = send_all(pacer, time, distinct)

    assert all(sum(t <= other < t + 1.0 for other in times) <= 27 for t in times)
    assert times[-1] - times[0] <= len(distinct) / 25 + 0.01


def test_a_group_gets_eighteen_in_a_minute_and_the_rest_later() -> None:
    """The nineteenth message to a channel waits until the first is a minute old."""
    time = Time()
    pacer = Pacer(time)

    times = send_all(pacer, time, [-5] * 19)

    assert times[17] - times[0] < 20
    assert times[18] - times[0] >= 60


def test_a_private_chat_gets_one_a_second_after_a_short_burst() -> None:
    """Two at once, then one a second."""
    time = Time()
    pacer = Pacer(time)

    times = [round(t - 1000.0, 3) for t in send_all(pacer, time, [7] * 5)]

    assert times == [0.0, 0.0, 1.0, 2.0, 3.0]


def test_an_answer_runs_ahead_of_the_queue_but_is_counted() -> None:
    """A person's answer may borrow; what is queued then waits longer."""
    time = Time()
    pacer = Pacer(time)
    send_all(pacer, time, [7, 7])

    assert pacer.wait_s(7) > 0
    assert pacer.wait_s(7, priority=True) == 0.0
    before = pacer.wait_s(7)
    pacer.take(7)
    assert pacer.wait_s(7) == before + 1.0


def test_a_flood_wait_holds_only_its_chat() -> None:
    """One chat told to wait does not hold the others, nor does its answer run ahead."""
    time = Time()
    pacer = Pacer(time)

    pacer.flood(7, 30.0)

    assert pacer.wait_s(7, priority=True) == 30.0
    assert pacer.wait_s(8) == 0.0


def test_flood_waits_in_several_chats_hold_all() -> None:
    """Three chats told to wait within ten seconds: the bot as a whole is too fast."""
    time = Time()
    pacer = Pacer(time)

    for chat in (1, 2, 2, 2):
        pacer.flood(chat, 5.0)
    assert pacer.wait_s(99) == 0.0
    pacer.flood(3, 5.0)

    assert pacer.wait_s(99) == 5.0
    assert pacer.overall_wait_s() == 5.0


def test_refused_messages_do_not_fill_a_groups_minute() -> None:
    """After a storm of refusals the group gets its eighteen."""
    time = Time()
    pacer = Pacer(time)
    for _ in range(30):
        pacer.take(-5)
        pacer.flood(-5, 1.0)
        time.now += 2.0

    times = send_all(pacer, time, [-5] * 18)

    assert times[-1] - times[0] < 20


def test_flood_waits_far_apart_hold_no_other_chat() -> None:
    """Old waits are forgotten."""
    time = Time()
    pacer = Pacer(time)

    for chat in (1, 2, 3):
        pacer.flood(chat, 1.0)
        time.now += 6.0

    assert pacer.wait_s(99) == 0.0


def test_what_went_before_a_restart_still_counts() -> None:
    """A restarted process does not begin a channel's minute anew."""
    time = Time()
    pacer = Pacer(time)

    for n in range(18):
        pacer.remember(-5, 50.0 - n)

    assert 10.0 <= pacer.wait_s(-5) <= 12.0


def test_silent_chats_are_forgotten() -> None:
    """A broadcast to many chats leaves nothing behind in memory."""
    time = Time()
    pacer = Pacer(time)
    send_all(pacer, time, list(range(1, 500)))
    pacer.flood(3, 1000.0)
    time.now += 500.0

    pacer.take(1)

    assert sorted(pacer._chats) == [1, 3]


def test_what_does_not_go_out_after_all_is_given_back() -> None:
    """A claim that another process won costs nothing here."""
    time = Time()
    pacer = Pacer(time)

    for _ in range(30):
        pacer.take(-5, is_claimed=True)
        pacer.give_back(-5)

    assert pacer.wait_s(-5) == 0.0
    assert pacer.overall_wait_s() == 0.0


def test_answers_and_floods_are_news_to_other_processes_once() -> None:
    """What is claimed from the outbox they see for themselves."""
    time = Time()
    pacer = Pacer(time)
    pacer.take(1, is_claimed=True)
    pacer.take(2)
    pacer.flood(3, 9.0)
    time.now += 2.0

    told = [(one.chat_id, one.ago_s, one.retry_after_s) for one in pacer.news()]

    assert told == [(2, 2.0, 0.0), (3, 2.0, 9.0)]
    assert pacer.news() == []


def test_a_wait_that_another_process_was_told_holds_here_too() -> None:
    """For one chat, or for every chat; a shorter one takes nothing back."""
    time = Time()
    pacer = Pacer(time)

    pacer.hold(7, 5.0)
    pacer.hold(7, 1.0)
    assert (pacer.wait_s(7), pacer.wait_s(8)) == (5.0, 0.0)
    pacer.hold(EVERY_CHAT, 3.0)

    assert (pacer.wait_s(7), pacer.wait_s(8), pacer.overall_wait_s()) == (5.0, 3.0, 3.0)
