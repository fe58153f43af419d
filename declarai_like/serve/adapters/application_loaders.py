"""Loaders of a session's application: from a copy, from a builder or from a function."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, cast

from ..._core import checks
from ..._core.threads import in_thread
from ...app import Application, ApplicationBuilder
from ..limits import Limits
from .sessions import Sessions

ApplicationFactory: TypeAlias = Callable[[str], Application | Awaitable[Application]]
"""Returns the application of a session, in the state in which the session was left."""


class ApplicationLoader(Protocol):
    """Returns the application of a session. With ``keep=False`` a new session is not kept in this process."""

    async def __call__(self, session: str, *, keep: bool) -> Application: ...


def loader_of(source: Any, limits: Limits, is_active: Callable[[str], bool]) -> ApplicationLoader:
    """Return the loader for an application, a builder or a function.

    Raises:
        ConfigurationError: the source is something else.
    """
    if isinstance(source, Application):
        app: Application = source  # pyright: ignore[reportUnknownVariableType]  (of any state)
        sessions = Sessions(app.copy, limits.sessions, is_active)

        async def load_copy(session: str, *, keep: bool) -> Application:
            return sessions.get(session) if keep else sessions.peek(session)

        return load_copy
    if isinstance(source, ApplicationBuilder):
        builder: ApplicationBuilder = source  # pyright: ignore[reportUnknownVariableType]  (of any state)

        async def load_built(session: str, *, keep: bool) -> Application:
            # A copy, as with_identifiers() changes the builder, which requests share
            return await copy.copy(builder).with_identifiers(app_id=session).abuild()

        return load_built
    if not callable(source):
        raise checks.wrong_type(
            "the source of serve.application()",
            "an Application, an ApplicationBuilder or a function that returns the Application of a session",
            source,
        )

    async def load_from_function(session: str, *, keep: bool) -> Application:
        returned = await in_thread(lambda: source(session))  # in a thread, as it may read from a disk
        app: Any = await returned if inspect.isawaitable(returned) else returned
        return cast("Application", app)

    return load_from_function
