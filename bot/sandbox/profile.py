"""What the bot says about itself: commands by scope and language, name, descriptions, menu."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.sandbox.wire import Json

_NAMELESS = {"type": "default"}


def scope_key(scope: Json | None) -> str:
    """Return a scope as one string, e.g. `chat:1000`."""
    scope = scope or _NAMELESS
    parts = [str(scope.get("type", "default"))]
    parts += [str(scope[name]) for name in ("chat_id", "user_id") if name in scope]
    return ":".join(parts)


@dataclass(slots=True)
class Profile:
    """Commands by (scope, language), texts by (kind, language); language "" is the default."""

    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    menu_buttons: dict[int, Json] = field(default_factory=dict)

    def text(self, kind: str, language: str) -> str:
        """Return a name or description in a language, or the default one."""
        return self.texts.get((kind, language)) or self.texts.get((kind, ""), "")

    def menu_button(self, chat_id: int) -> Json:
        """Return the menu button of a chat: its own, the default one, or the commands."""
        return self.menu_buttons.get(chat_id) or self.menu_buttons.get(0) or {"type": "default"}

    def shown_commands(
        self, *, chat_id: int, user_id: int, chat_type: str, is_admin: bool, language: str
    ) -> list[Json]:
        """Return what a person sees when they press the menu: the narrowest scope that is set.

        The order is the Bot API's ("Determining list of commands"); in each scope the person's
        language comes before the list without a language.
        """
        if chat_type == "private":
            scopes = [f"chat:{chat_id}", "all_private_chats", "default"]
        else:
            scopes = [f"chat_member:{chat_id}:{user_id}"]
            if is_admin:
                scopes += [f"chat_administrators:{chat_id}"]
            scopes += [f"chat:{chat_id}"]
            if is_admin:
                scopes += ["all_chat_administrators"]
            scopes += ["all_group_chats", "default"]
        for scope in scopes:
            for spoken in (language, ""):
                if (scope, spoken) in self.commands:
                    return self.commands[scope, spoken]
        return []
