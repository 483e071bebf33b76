"""What buttons carry: it fits, it comes back, and what is not ours is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handlers.buttons import ADMIN_VERBS, Press, Verb, pack, unpack
from bot.models.insight import Window
from bot.storage.talks import REF_LENGTH, ref_of

LARGEST_ID = (1 << 52) - 1  # Telegram's ids have at most 52 significant bits


@given(
    verb=st.sampled_from(list(Verb)),
    name=st.text(max_size=300),
    window=st.sampled_from(list(Window)),
    page=st.integers(min_value=0, max_value=100_000),
    owner=st.integers(min_value=0, max_value=LARGEST_ID),
)
def test_the_longest_button_fits_and_comes_back(
    verb: Verb, name: str, window: Window, page: int, owner: int
) -> None:
    """A ref, a window, a page, a mark and an owner: no button of ours says more."""
    ref = ref_of("term", name)

    data = pack(verb, ref, window, page, "n", owner=owner)

    assert len(data.encode()) <= 64
    assert unpack(data) == Press(verb, (ref, window.value, str(page), "n"), owner)


@given(chat_id=st.integers(min_value=-LARGEST_ID, max_value=LARGEST_ID))
def test_a_chat_id_survives(chat_id: int) -> None:
    press = unpack(pack(Verb.DIGEST_ADD, chat_id, "0800", owner=LARGEST_ID))

    assert press is not None
    assert press.number(0) == chat_id


@given(data=st.text(max_size=80))
def test_anything_else_is_refused_or_harmless(data: str) -> None:
    """A forged button never raises; what it says stays within plain words."""
    press = unpack(data)

    assert press is None or press.verb in Verb


@pytest.mark.parametrize("word", ["a b", "سلام", "a:b", "a~b", "x" * 80])
def test_a_word_that_could_not_be_read_back_is_a_mistake(word: str) -> None:
    with pytest.raises(ValueError, match="button"):
        pack(Verb.CARD, word)


def test_a_missing_argument_has_its_default() -> None:
    press = unpack(pack(Verb.NEWS, "", 2))

    assert press is not None
    assert (press.arg(0), press.number(1), press.arg(7, "x")) == ("", 2, "x")


def test_refs_are_short_stable_and_fit_a_deep_link() -> None:
    ref = ref_of("term", "سدکرج")

    assert ref == ref_of("term", "سدکرج")
    assert ref != ref_of("query", "سدکرج")
    assert len(ref) == REF_LENGTH
    assert set(ref) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_verbs_of_admins_are_marked() -> None:
    assert Verb.SOURCE_REMOVE in ADMIN_VERBS
    assert Verb.ASK not in ADMIN_VERBS
    assert Verb.ALERT_WHY not in ADMIN_VERBS
