"""What a router is given, each with settings of its own; and what it makes of things that come without."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...app import Application, ApplicationBuilder
from ...chats import Chat
from ...errors import ConfigurationError
from ...tasks import Task
from ..limits import Limits
from .application_sources import Making
from .applications import ServedApplication
from .chats import Remembering, ServedChat
from .functions import ServedFunction
from .served import Adapter, Served
from .tasks import ServedTask


@dataclass(frozen=True, slots=True)
class Configured:
    """Something to be served, with settings of its own; it is made with the router's limits."""

    make: Callable[[Limits], Served]


def task(task: Task[..., Any], *, name: str | None = None, adapter: Adapter = None) -> Configured:
    """Serve a task.

    Args:
        name: what it is called in addresses; by default the function's name.
        adapter: gives the arguments, by their names, for a text, which is all that the protocols of front ends send;
            by default the text is given to the only required parameter. False: those are not answered.
    """
    return Configured(lambda _: ServedTask(task, name, adapter))


def chat(
    chat: type[Any],
    *,
    name: str | None = None,
    memory: Remembering | None = None,
    values: Mapping[str, Any] | None = None,
) -> Configured:
    """Serve a chat class.

    Args:
        name: what it is called in addresses; by default the class's name.
        memory: where conversations are kept, one that has sessions (``memory.at(session)``), or a function that gives
            the memory of a session; by default in this process, as many as `Limits.sessions` says.
        values: for the places in its words.
    """
    return Configured(lambda limits: ServedChat(chat, name=name, memory=memory, values=values, limits=limits))


def application(
    source: Application | ApplicationBuilder | Making,
    *,
    name: str,
    halt_after: Collection[str] = (),
    shows: Collection[str] | None = None,
    prompt: str | None = None,
    adapter: Adapter = None,
    description: str = "",
) -> Configured:
    """Serve an application, each session with a state of its own.

    Args:
        source: what each session begins as a copy of, and is kept in this process, as many as `Limits.sessions` says;
            or a builder that loads and saves it with a persister, and builds the application of a session with that
            as its ``app_id``; or a function that gives the application of a session, sync or async.
        name: what it is called in addresses.
        halt_after: actions after which a request has been answered; by default, when inputs are required again.
        shows: the keys of the state that clients may see; by default all.
        prompt: the input that takes a text, for front ends that send nothing else; by default the one that is required.
        adapter: gives the body of a request for a text; as for `task`.
        description: what it does, for the description of the API.
    """
    return Configured(
        lambda limits: ServedApplication(
            source,
            name=name,
            halt_after=halt_after,
            shows=shows,
            prompt=prompt,
            adapter=adapter,
            description=description,
            limits=limits,
        )
    )


def function(function: Callable[..., Any], *, name: str | None = None, adapter: Adapter = None) -> Configured:
    """Serve a function: one that yields, async or not, or one that gives a value, an awaitable or a `Stream`.

    Args:
        name: what it is called in addresses; by default the function's name.
        adapter: as for `task`.
    """
    return Configured(lambda _: ServedFunction(function, name, adapter))


_WAYS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Configured]], ...] = (
    (lambda thing: isinstance(thing, Configured), lambda thing: thing),
    (lambda thing: isinstance(thing, Task), task),
    (lambda thing: inspect.isclass(thing) and issubclass(thing, Chat), chat),
    (
        lambda thing: isinstance(thing, Application | ApplicationBuilder),
        lambda app: application(app, name="application"),
    ),
    (lambda thing: inspect.isfunction(thing) or inspect.ismethod(thing), function),
)
"""How each kind of thing is served that comes without settings."""


def served(thing: Any, limits: Limits) -> Served:
    """Make what a router serves of anything that it can be given.

    Raises:
        ConfigurationError: it can be served in no way.
    """
    for fits, configured in _WAYS:
        if fits(thing):
            return configured(thing).make(limits)
    raise ConfigurationError(
        f"{thing!r} cannot be served: give a task, a chat class, an application, a function, or one of these with "
        "settings: serve.task(...), serve.chat(...), serve.application(...), serve.function(...)"
    )
