"""How a router treats its streams, and whose each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from .limits import Limits


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """How a router treats its streams.

    Attributes:
        grace: seconds that an answer goes on while nobody follows it.
        heartbeat: seconds without an event after which a sign of life is sent.
        keep: seconds that an answer is kept after its end.
        expose_errors: whether clients are told errors in their own words.
    """

    limits: Limits
    grace: float
    heartbeat: float
    keep: float
    expose_errors: bool


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Whose an answer is, and in which session of what.

    Attributes:
        owner: whoever has asked; empty where nobody is asked who they are.
        served: the name of what answers.
        session: which one; empty where there are none.
    """

    owner: str
    served: str
    session: str

    @property
    def name(self) -> str:
        """What the session is called among all that is served."""
        return f"{self.served}/{self.key}"

    @property
    def key(self) -> str:
        """What the session is called where it is kept: nobody can name another owner's."""
        return f"{quote(self.owner, safe='')}/{self.session}" if self.owner else self.session
