"""The one error tree.

HoshyarError
├─ ConfigError                          every missing or wrong setting at once
├─ UserError        (text_key, fields)  NotAllowed · BadInput · NotFound · QuotaExceeded · NoRoom
├─ StorageError                         LockTimeout · LeaseLost · CommitUnknown · MigrationError ·
│                                       DiskFull
├─ SourceError      (source, retry_after_s)   SourceDown · SourceGone · SourceRefused ·
│                                             SourceGarbled · KeyRefused ·
│                                             TooFast · OutOfCredit · BudgetSpent
├─ ModelError       (model, retry_after_s)    ModelDown · ModelRefused · ModelBusy · NoModelLeft
├─ ChartFailed                          the picture could not be drawn
└─ DeliveryError    (chat_id, retry_after_s)  NotSent · FloodWait · ChatGone · ChatMoved ·
                                              Rejected · Ambiguous

Errors carry data, not just text. Foreign errors are wrapped where they enter, once, with `from`.
"""

from __future__ import annotations

from collections.abc import Sequence


class HoshyarError(Exception):
    """Anything that Hoshyar itself raises."""


class ConfigError(HoshyarError):
    """The settings are wrong; `problems` lists every mistake, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class UserError(HoshyarError):
    """The person asked for something that cannot be done; `text_key` names the sentence to show."""

    def __init__(self, text_key: str, **fields: object) -> None:
        super().__init__(text_key)
        self.text_key = text_key
        self.fields = fields


class NotAllowed(UserError):
    """The person may not do this."""


class BadInput(UserError):
    """What the person wrote cannot be used; the text says what to write."""


class NotFound(UserError):
    """Nothing by that name."""


class QuotaExceeded(UserError):
    """The person has used up a limit; `fields` says when it opens again."""


class NoRoom(UserError):
    """The disk, or what the settings allow of it, is used up; what was stored so far stays."""


class StorageError(HoshyarError):
    """The database refused or broke."""


class DiskFull(StorageError):
    """Nothing more can be written; what is stored is whole, and reading goes on."""


class LockTimeout(StorageError):
    """A lock was not granted in time."""


class LeaseLost(StorageError):
    """Another process has taken over what this one held: its work must stop, and counts no more."""


class CommitUnknown(StorageError):
    """The connection broke after COMMIT was sent: the work is there whole, or not at all.

    Never run again by itself, since a counter would count twice; whoever asked may look, or ask
    again where asking twice does no harm.
    """


class MigrationError(StorageError):
    """The schema cannot be brought to this version."""


class SourceError(HoshyarError):
    """A source could not be read."""

    def __init__(
        self, message: str, *, source: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.source = source
        self.retry_after_s = retry_after_s


class SourceDown(SourceError):
    """No answer, a 5xx or a time-out: worth another try later."""


class SourceGone(SourceError):
    """The source says that it is gone for good (410) or has stayed missing."""


class SourceRefused(SourceError):
    """We are not let in, or may not go there: 401, 403, 429, a private address."""


class AddressRefused(SourceRefused):
    """It is we who refuse: not a web address, or one in a private range."""


class SourceGarbled(SourceError):
    """An answer came and cannot be understood."""


class KeyRefused(SourceRefused):
    """The service does not take our key: asking again cannot help until it is changed."""


class TooFast(SourceRefused):
    """The service asks us to wait (429); it did not do what was asked, and did not charge it."""


class OutOfCredit(SourceError):
    """The account at the service is empty (402)."""


class BudgetSpent(SourceError):
    """The money set aside for this source is used up, for `retry_after_s` seconds."""


class ModelError(HoshyarError):
    """A language model did not answer."""

    def __init__(
        self, message: str, *, model: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.model = model
        self.retry_after_s = retry_after_s


class ModelDown(ModelError):
    """No answer, or one that broke off."""


class ModelRefused(ModelError):
    """The model will not answer this."""


class ModelBusy(ModelError):
    """Overloaded or rate-limited."""


class NoModelLeft(ModelError):
    """Every candidate failed."""


class ChartFailed(HoshyarError):
    """A chart could not be drawn; what it belongs to goes out without it."""


class DeliveryError(HoshyarError):
    """A message did not surely arrive."""

    def __init__(
        self, message: str, *, chat_id: int = 0, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.chat_id = chat_id
        self.retry_after_s = retry_after_s


class NotSent(DeliveryError):
    """The request surely never reached Telegram: safe to send again."""


class FloodWait(DeliveryError):
    """Telegram asks us to wait `retry_after_s` seconds; the message was not sent."""


class ChatGone(DeliveryError):
    """The chat blocked, removed or never knew the bot."""


class ChatMoved(DeliveryError):
    """The group became a supergroup; `new_chat_id` is where it went."""

    def __init__(self, message: str, *, chat_id: int, new_chat_id: int) -> None:
        super().__init__(message, chat_id=chat_id)
        self.new_chat_id = new_chat_id


class Rejected(DeliveryError):
    """Telegram says that the request itself is wrong: sending it again cannot help."""


class Ambiguous(DeliveryError):
    """It may or may not have arrived, and nothing can tell: never sent again by itself."""


def said(error: BaseException) -> str:
    """What an error says, or its name when it says nothing (TimeoutError does)."""
    return str(error) or type(error).__name__
