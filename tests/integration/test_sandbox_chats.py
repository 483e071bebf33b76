"""Who may write where: strangers, blocks, channels, groups, members, and groups that grow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import telegram
from telegram.error import BadRequest, ChatMigrated, Forbidden

from bot.sandbox.people import SandboxError
from bot.sandbox.server import SandboxServer

SARA, ALEX, ADMIN = 1001, 1002, 1000
GROUP = -4000
CHANNEL = -1001000000001


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=False, flood_limits=False) as running:
        yield running


@pytest.fixture
async def bot(server: SandboxServer) -> AsyncIterator[telegram.Bot]:
    async with telegram.Bot(server.token, base_url=server.base_url) as client:
        yield client


async def test_the_bot_cannot_speak_first(server: SandboxServer, bot: telegram.Bot) -> None:
    """A person has to start; an unknown id is no chat at all."""
    stranger = server.people.new_user("نیما")

    with pytest.raises(Forbidden, match="bot can't initiate conversation with a user"):
        await bot.send_message(stranger.id, "سلام")
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(777, "سلام")
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message("@no_such_channel", "سلام")
    await server.say(stranger.id, "/start")
    assert (await bot.send_message(stranger.id, "سلام")).chat.first_name == "نیما"


async def test_blocking_and_coming_back(server: SandboxServer, bot: telegram.Bot) -> None:
    """The bot hears of both; in between everything is refused."""
    await server.say(SARA, "/start")
    server.people.block(SARA)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(SARA, "x")
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_chat_action(SARA, "typing")
    await server.say(SARA, "/start")

    changes = [u.my_chat_member for u in await bot.get_updates() if u.my_chat_member]
    assert [change.new_chat_member.status for change in changes] == ["kicked", "member"]
    assert (await bot.send_message(SARA, "x")).text == "x"
    server.people.deactivate(SARA)
    with pytest.raises(Forbidden, match="user is deactivated"):
        await bot.send_message(SARA, "x")


async def test_a_channel_needs_an_administrator_with_the_right(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """Not a member, a plain member, an administrator without and with the right, thrown out."""
    with pytest.raises(Forbidden, match="bot is not a member of the channel chat"):
        await bot.send_message("@hoshyar_sandbox_channel", "x")
    server.people.set_bot_status(CHANNEL, "member", ADMIN)
    with pytest.raises(BadRequest, match="Need administrator rights in the channel chat"):
        await bot.send_message(CHANNEL, "x")
    server.people.set_bot_status(CHANNEL, "administrator", ADMIN, can_post_messages=False)
    with pytest.raises(BadRequest, match="Need administrator rights in the channel chat"):
        await bot.send_message(CHANNEL, "x")
    server.people.set_bot_status(CHANNEL, "administrator", ADMIN)
    post = await bot.send_message("@hoshyar_sandbox_channel", "خبر")
    server.people.set_bot_status(CHANNEL, "kicked", ADMIN)

    assert post.chat.id == CHANNEL
    assert post.from_user is None
    assert post.sender_chat is not None
    with pytest.raises(Forbidden, match="bot was kicked from the channel chat"):
        await bot.edit_message_text("x", CHANNEL, post.message_id)
    changes = [u.my_chat_member for u in await bot.get_updates() if u.my_chat_member]
    assert [(c.old_chat_member.status, c.new_chat_member.status) for c in changes] == [
        ("left", "member"),
        ("member", "administrator"),
        ("administrator", "administrator"),
        ("administrator", "kicked"),
    ]
    assert changes[1].from_user.id == ADMIN


async def test_private_channels_and_posts_of_people(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """A channel without a name is found by id; the bot reads it once it is administrator."""
    channel = server.people.new_channel("خصوصی", "", ADMIN)
    server.people.say(ADMIN, "پیش از ربات", chat_id=channel.id)
    server.people.set_bot_status(channel.id, "administrator", ADMIN)
    server.people.say(ADMIN, "پس از ربات", chat_id=channel.id)

    posts = [u.channel_post for u in await bot.get_updates() if u.channel_post]
    assert [post.text for post in posts] == ["پس از ربات"]
    assert (await bot.send_message(channel.id, "x")).chat.title == "خصوصی"


async def test_groups_show_the_bot_only_what_is_for_it(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """Privacy mode: commands, mentions and replies; an administrator sees everything."""
    own = await bot.send_message(GROUP, "سلام به همه")
    for text in ("گپ", "/trends", "/trends@other_bot", "/news@hoshyar_bot", "@hoshyar_bot برف"):
        await server.say(SARA, text, chat_id=GROUP)
    await server.say(ALEX, "thanks", chat_id=GROUP, reply_to=own.message_id)
    heard = [u.message.text for u in await bot.get_updates() if u.message]
    server.people.set_bot_status(GROUP, "administrator", SARA)
    await bot.get_updates(offset=-1)
    await server.say(SARA, "گپ دیگر", chat_id=GROUP)
    as_admin = [u.message.text for u in await bot.get_updates() if u.message]

    assert heard == ["/trends", "/news@hoshyar_bot", "@hoshyar_bot برف", "thanks"]
    assert as_admin == ["گپ دیگر"]
    with pytest.raises(SandboxError, match="not in chat"):
        server.people.say(server.people.new_user("غریبه").id, "x", chat_id=GROUP)


async def test_a_group_that_grows_gets_a_new_id(server: SandboxServer, bot: telegram.Bot) -> None:
    """The old id answers with the new one, and the bot is told by two service messages."""
    new = server.people.upgrade(GROUP, SARA)

    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(GROUP, "x")
    assert moved.value.new_chat_id == new.id
    assert (await bot.send_message(new.id, "x")).chat.type == "supergroup"
    told = [u.message for u in await bot.get_updates() if u.message]
    assert [(m.migrate_to_chat_id, m.migrate_from_chat_id) for m in told] == [
        (new.id, None),
        (None, GROUP),
    ]


async def test_rights_in_groups(server: SandboxServer, bot: telegram.Bot) -> None:
    """Deleting others' messages and pinning need rights; a muted or expelled bot is refused."""
    said = await server.say(SARA, "/trends", chat_id=GROUP)
    with pytest.raises(BadRequest, match="Message can't be deleted"):
        await bot.delete_message(GROUP, said["message_id"])
    with pytest.raises(BadRequest, match="Not enough rights to manage pinned messages"):
        await bot.pin_chat_message(GROUP, said["message_id"])
    server.people.set_bot_status(GROUP, "administrator", SARA)
    assert await bot.delete_message(GROUP, said["message_id"])
    server.people.set_bot_status(GROUP, "restricted", SARA)
    with pytest.raises(BadRequest, match="Not enough rights to send text messages to the chat"):
        await bot.send_message(GROUP, "x")
    server.people.set_bot_status(GROUP, "kicked", SARA)
    with pytest.raises(Forbidden, match="bot was kicked from the group chat"):
        await bot.send_message(GROUP, "x")

    change = [u.my_chat_member for u in await bot.get_updates() if u.my_chat_member][1]
    assert isinstance(change.new_chat_member, telegram.ChatMemberRestricted)


async def test_members_can_be_looked_up(server: SandboxServer, bot: telegram.Bot) -> None:
    """Statuses, administrators, counts; leaving ends it."""
    newcomer = server.people.new_user("نیما")
    server.people.set_bot_status(GROUP, "administrator", SARA)
    me = await bot.get_chat_member(GROUP, bot.id)
    owner = await bot.get_chat_member(GROUP, SARA)
    nobody = await bot.get_chat_member(GROUP, newcomer.id)
    admins = await bot.get_chat_administrators(GROUP)

    assert [me.status, owner.status, nobody.status] == ["administrator", "creator", "left"]
    assert {admin.user.id for admin in admins} == {SARA, bot.id}
    assert await bot.get_chat_member_count(GROUP) == 4
    with pytest.raises(BadRequest, match="There are no administrators in the private chat"):
        await bot.get_chat_administrators(ADMIN)
    with pytest.raises(BadRequest, match="Invalid user_id specified"):
        await bot.get_chat_member(GROUP, 5)
    assert await bot.leave_chat(GROUP)
    with pytest.raises(Forbidden, match="bot is not a member of the group chat"):
        await bot.get_chat_member_count(GROUP)


async def test_a_public_channel_can_be_looked_at_from_outside(bot: telegram.Bot) -> None:
    """getChat of @name works without membership, as in the real one."""
    chat = await bot.get_chat("@hoshyar_sandbox_channel")

    assert (chat.id, chat.title, chat.type) == (CHANNEL, "کانال هشیار", "channel")
