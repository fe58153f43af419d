"""Settings of a router's streams, and the key that identifies an answer."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from .limits import Limits


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """Settings that all streams of a router share.

    Attributes:
        grace: seconds that an answer continues without a reader.
        heartbeat: seconds without an event after which a heartbeat is sent.
        keep: seconds that an answer is kept after its end.
        expose_errors: True if clients get the messages of errors.
    """

    limits: Limits
    grace: float
    heartbeat: float
    keep: float
    expose_errors: bool


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Identifies the owner, the endpoint and the session of an answer.

    Attributes:
        owner: the caller, as ``auth`` returns it; empty without ``auth``.
        endpoint: the name of the endpoint.
        session: the session id as the client sends it; empty for an endpoint without sessions.
    """

    owner: str
    endpoint: str
    session: str

    @property
    def lock_key(self) -> str:
        """Key of the session among all endpoints of a router; one answer at a time runs for each."""
        return f"{self.endpoint}/{self.session_key}"

    @property
    def session_key(self) -> str:
        """Key of the session in its store; no owner can name a session of another owner."""
        # The owner is quoted, so that the first "/" ends it: session ids have no "/" (see SESSION_ID)
        return f"{quote(self.owner, safe='')}/{self.session}" if self.owner else self.session
