"""The base class of memories and persisters: an object over a store, which names itself in the store's errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from ..errors import DeclaraiError
from .stores import Store

if TYPE_CHECKING:
    from typing import Self

S = TypeVar("S", bound=Store)
T = TypeVar("T")


class Stored(Generic[S]):
    """An object over a store; its ``with`` block closes the store's connections.

    Attributes:
        instant: True if no method ever blocks, so that async code calls them without a thread.
    """

    instant = False
    _failure: ClassVar[type[DeclaraiError]]
    """The class of the errors when the store fails."""

    def __init__(self, store: S, shown: str = "") -> None:
        """``shown`` is what the ``repr`` shows of the settings."""
        self._store = store
        self._shown = shown

    def close(self) -> None:
        """Close the store's connections; the next use opens new ones. Sessions of one store share them."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown})"

    def _try(self, action: str, do: Callable[[], T]) -> T:
        """Use the store; an error says which object could not do what, without the secrets.

        Errors of subclasses of ``_failure`` keep their class.
        """
        try:
            return do()
        except Exception as error:  # each driver has its own errors
            reason, cause = str(error) or type(error).__name__, error
        public = reason
        for secret in self._store.secrets:
            public = public.replace(secret, "***")
        is_ours = isinstance(cause, self._failure)
        kind = type(cause) if is_ours else self._failure
        # Tracebacks show the cause, so it is dropped if its text has a secret. The error is raised outside of the
        # except block, as it would be chained to the cause there even with `from None`.
        raise kind(f"{self!r} could not {action}: {public}") from (None if is_ours or public != reason else cause)
