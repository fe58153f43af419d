"""Where a session's application comes from: a copy, a builder or a function."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, cast

from ..._core.threads import in_thread
from ...app import Application, ApplicationBuilder
from ...errors import ConfigurationError
from ..limits import Limits
from .sessions import Sessions

Making: TypeAlias = Callable[[str], Application | Awaitable[Application]]
"""Makes the application of a session, as it was left there."""


class Opening(Protocol):
    """Gives the application of a session; with ``keep``, one that is there from now on."""

    async def __call__(self, session: str, *, keep: bool) -> Application: ...


def opening(source: Any, limits: Limits, is_active: Callable[[str], bool]) -> Opening:
    if isinstance(source, Application):
        app: Application = source  # pyright: ignore[reportUnknownVariableType]  (of any state)
        sessions = Sessions(app.copy, limits.sessions, is_active)

        async def copied(session: str, *, keep: bool) -> Application:
            return sessions.get(session) if keep else sessions.peek(session)

        return copied
    if isinstance(source, ApplicationBuilder):
        builder: ApplicationBuilder = source  # pyright: ignore[reportUnknownVariableType]  (of any state)

        async def built(session: str, *, keep: bool) -> Application:
            return await copy.copy(builder).with_identifiers(app_id=session).abuild()

        return built
    if not callable(source):
        raise ConfigurationError(
            f"serve.application(): {source!r} is no application, no builder of one, and no function that gives one"
        )

    async def made(session: str, *, keep: bool) -> Application:
        app = await in_thread(lambda: source(session))  # as it may load from a disk
        opened: Any = await app if inspect.isawaitable(app) else app
        return cast("Application", opened)

    return made
