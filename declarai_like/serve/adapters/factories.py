"""The functions that set how an object is served: `task`, `chat`, `application` and `function`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..._core import checks
from ...app import Application, ApplicationBuilder
from ...chats import Chat
from ...tasks import Task
from ..limits import Limits
from .application_loaders import ApplicationFactory
from .applications import ApplicationEndpoint
from .base import Endpoint, TextAdapter
from .chats import ChatEndpoint, MemorySource
from .functions import FunctionEndpoint
from .tasks import TaskEndpoint


@dataclass(frozen=True, slots=True)
class EndpointFactory:
    """Creates an endpoint with the user's settings, when the router's limits are known."""

    create: Callable[[Limits], Endpoint]


def task(task: Task[..., Any], *, name: str | None = None, adapter: TextAdapter = None) -> EndpointFactory:
    """Serve a task.

    Args:
        name: its name in URLs; by default the function's name.
        adapter: returns the arguments by name for plain text, which is all that the protocols of front ends send; by
            default the only required parameter gets the text. False: the task has no routes for front ends.
    """
    return EndpointFactory(lambda _: TaskEndpoint(task, name, adapter))


def chat(
    chat: type[Any],
    *,
    name: str | None = None,
    memory: MemorySource | None = None,
    values: Mapping[str, Any] | None = None,
) -> EndpointFactory:
    """Serve a chat class.

    Args:
        name: its name in URLs; by default the class's name.
        memory: a memory that has sessions (``memory.at(session)``), or a function that returns the memory of a
            session; by default conversations are kept in this process, at most `Limits.sessions` of them.
        values: values for the templates of its system prompt and greeting.
    """
    return EndpointFactory(lambda limits: ChatEndpoint(chat, name=name, memory=memory, values=values, limits=limits))


def application(
    source: Application | ApplicationBuilder | ApplicationFactory,
    *,
    name: str,
    halt_after: Collection[str] = (),
    shows: Collection[str] | None = None,
    prompt: str | None = None,
    adapter: TextAdapter = None,
    description: str = "",
) -> EndpointFactory:
    """Serve an application; each session has its own state.

    Args:
        source: an application, of which each session is a copy in this process, at most `Limits.sessions` of them; or
            a builder that loads from and saves to a persister, with the session as the ``app_id``; or a function,
            sync or async, that returns the application of a session.
        name: its name in URLs.
        halt_after: actions after which a request ends; by default it ends when inputs are required again.
        shows: the keys of the state that clients may see; by default all.
        prompt: the input for plain text, as front ends send nothing else; by default the only required one.
        adapter: returns the request body for plain text; as for `task`.
        description: its description in the OpenAPI document.
    """
    return EndpointFactory(
        lambda limits: ApplicationEndpoint(
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


def function(function: Callable[..., Any], *, name: str | None = None, adapter: TextAdapter = None) -> EndpointFactory:
    """Serve a function: a sync or async generator, or one that returns a value, an awaitable or a `Stream`.

    Args:
        name: its name in URLs; by default the function's name.
        adapter: as for `task`.
    """
    return EndpointFactory(lambda _: FunctionEndpoint(function, name, adapter))


_DEFAULTS: tuple[tuple[Callable[[Any], bool], Callable[[Any], EndpointFactory]], ...] = (
    (lambda thing: isinstance(thing, EndpointFactory), lambda thing: thing),
    (lambda thing: isinstance(thing, Task), task),
    (lambda thing: inspect.isclass(thing) and issubclass(thing, Chat), chat),
    (
        lambda thing: isinstance(thing, Application | ApplicationBuilder),
        lambda app: application(app, name="application"),
    ),
    # Not callable(): classes and models can be called as well, but are passed by mistake
    (lambda thing: inspect.isfunction(thing) or inspect.ismethod(thing), function),
)
"""The factory for each kind of object that is passed to a router without settings."""


def create_endpoint(thing: Any, limits: Limits) -> Endpoint:
    """Return the endpoint of anything that can be passed to a router.

    Raises:
        ConfigurationError: it cannot be served.
    """
    for matches, factory_of in _DEFAULTS:
        if matches(thing):
            return factory_of(thing).create(limits)
    raise checks.wrong_type(
        "an argument of router()",
        "a task, a chat class, an application or a function",
        thing,
        "settings go with serve.task(...), serve.chat(...), serve.application(...) or serve.function(...)",
    )
