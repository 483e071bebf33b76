"""Work that must survive a crash: updates that came in, messages to go out, runs of jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What a process does; one process may have several roles, and a role several processes."""

    COLLECT = "collect"
    ANALYSE = "analyse"  # counters, trends, alerts, digests, housekeeping: each in one at a time
    SEND = "send"
    CHAT = "chat"  # one process leads, the others stand by


CHAT_LEASE = "chat"  # whoever holds it leads the chat


class UpdateState(StrEnum):
    NEW = "new"
    ANSWERING = "answering"  # an answer is leaving: after a crash nobody knows whether it arrived
    DONE = "done"
    BAD = "bad"  # could not be read: set aside, shown to admins
    FAILED = "failed"  # was handled several times without success
    UNSURE = "unsure"  # the process ended while it was answered: never answered again by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpdate:
    """One raw update, written down before Telegram is told that we have it."""

    update_id: int
    body: str  # the JSON as received
    received_at: datetime
    state: UpdateState = UpdateState.NEW
    attempts: int = 0
    error: str = ""


class OutboxState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    RETRY = "retry"
    AMBIGUOUS = "ambiguous"  # may have arrived: never sent again by itself
    HELD = "held"  # a later part of a message whose earlier part is ambiguous
    GONE = "gone"  # the chat is gone or refuses
    FAILED = "failed"  # Telegram rejects the message itself
    DROPPED = "dropped"  # an admin decided that it need not go out again


class Lane(IntEnum):
    """Order of sending: lower goes first."""

    URGENT = 0  # alerts, notices to admins
    NORMAL = 5
    BULK = 9  # digests, broadcasts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message that the bot sends unasked. `unique_key` makes a second enqueue a no-op.

    `payload` is JSON made by `features.publish` (kind, text, entities, keyboard, photo path …).
    Parts of one message share `group_key` and go in order of `part`; a part waits for the one
    before.
    """

    unique_key: str
    chat_id: int
    kind: str  # alert, digest, notice, broadcast
    payload: str
    lane: Lane = Lane.NORMAL
    group_key: str = ""
    part: int = 0
    state: OutboxState = OutboxState.PENDING
    not_before: datetime | None = None
    attempts: int = 0
    message_id: int | None = None
    error: str = ""
    created_at: datetime | None = None
    finished_at: datetime | None = None
    attached: bytes = field(default=b"", repr=False)  # the file that the payload has by its hash
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """One run of a job, as shown to admins."""

    job: str
    started_at: datetime
    finished_at: datetime | None = None
    ok: bool | None = None
    result: str = ""  # short text or JSON of counts
    error: str = ""
    worker: str = ""  # the process that ran it
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job's due time, kept in the database so that a restart neither skips nor repeats a run."""

    job: str
    next_run_at: datetime
    paused: bool = False
    last_run_at: datetime | None = None
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """A name held alone, for a while. `token` grows with every new holder, so that what an earlier
    holder still tries to write can be told from what the present one writes.
    """

    name: str
    token: int
    owner: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows taken to work on, in their order; `token` proves it when they are done."""

    token: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A process at work on this database, by the database's clock."""

    name: str
    host: str
    pid: int
    roles: tuple[str, ...]
    started_at: datetime
    seen_at: datetime

    @property
    def machine(self) -> str:
        """The host for people: without the mark that tells containers apart."""
        return self.host.split(" ")[0]
