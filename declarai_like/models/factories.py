"""Where users begin: the functions that give models, and the decorators for the model that the environment names."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypedDict, TypeVar, Unpack, overload
from urllib.parse import urlsplit

from .._calls.output_call import Output, OutputCall
from .._llm.llm import LLM
from .._llm.transport.inprocess import InProcessTransport
from .._llm.transport.openai import Account, OpenAITransport
from .._net.http_clients import checked_headers
from .._net.timeouts import Timeouts
from .._output.output_type import OutputType
from .._prompts import Prompt
from ..errors import ConfigurationError
from ..providers.openai import OpenAIProvider
from ..stream import Items
from ..tasks import Task
from ..window import Window
from .models import Auto, ByElement, ChatSettings, Decorator, Model, OutputSettings, StreamingDecorator, TaskSettings

if TYPE_CHECKING:
    from .._offline import Replies

K = TypeVar("K")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class ModelSettings(TypedDict, total=False):
    """The settings that each model of OpenAI's protocol has: see `openai`."""

    headers: Mapping[str, str] | None
    timeout: Timeouts | float | None
    max_retries: int
    output: Auto
    llm_params: Mapping[str, Any] | None


class OpenAISettings(ModelSettings, total=False):
    """See `openai`."""

    api_key: str | None
    base_url: str | None
    include_usage: bool
    openai_token: str | None


class AzureSettings(ModelSettings, total=False):
    """See `azure_openai`."""

    azure_openai_key: str | None
    azure_openai_api_base: str | None
    api_version: str
    model: str | None


@overload
def openai(model: str, *, stream: Literal[True], **settings: Unpack[OpenAISettings]) -> Model[Literal[True]]: ...
@overload
def openai(
    model: str, *, stream: Literal[False] = ..., **settings: Unpack[OpenAISettings]
) -> Model[Literal[False]]: ...
def openai(
    model: str,
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: Timeouts | float | None = None,
    max_retries: int = 2,
    stream: bool = False,
    output: Auto = "auto",
    llm_params: Mapping[str, Any] | None = None,
    include_usage: bool = True,
    openai_token: str | None = None,
) -> Model[Any]:
    """Give a model of OpenAI, or of any server that speaks its Chat Completions.

    Args:
        model: the model's name, as the server knows it.
        api_key: by default ``DECLARAI_OPENAI_API_KEY`` or ``OPENAI_API_KEY``, read at the first
            request. A server at another ``base_url`` may do without; what is set is sent to it.
        base_url: by default ``OPENAI_BASE_URL``, else OpenAI.
        headers: sent with each request.
        timeout: a `Timeouts`, or one number of seconds for the whole call.
        max_retries: how often a request that failed before its answer began is sent again.
        stream: whether tasks stream where their decorator does not say.
        output: how tasks ask for structure where their decorator does not say; ``"auto"`` is
            ``"schema"`` at OpenAI and Azure, and ``"prompt"`` elsewhere.
        llm_params: parameters of each request (``temperature``, ...).
        include_usage: whether streams ask for the token count; some servers do not know the option.
        openai_token: another name for ``api_key``.

    Raises:
        ConfigurationError: a setting is wrong; or, at the first request, there is no key.
    """
    if not model or not isinstance(model, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (settings come from anywhere)
        raise ConfigurationError("openai() needs the name of a model, as the server knows it")
    url = _address(base_url or os.environ.get("OPENAI_BASE_URL"), "base_url")
    at_openai = url is None or _host(url).endswith((".openai.com", ".openai.azure.com"))
    account = Account(
        azure=False,
        key=api_key or openai_token,
        key_setting="api_key",
        key_variables=("DECLARAI_OPENAI_API_KEY", "OPENAI_API_KEY"),
        needs_key=at_openai,
        arguments={"base_url": url, "default_headers": checked_headers(headers)},
    )
    return _model(
        model,
        account,
        shown=f"openai:{model}" + (f" at {_host(url)}" if url else ""),
        auto="schema" if at_openai else "prompt",
        timeout=timeout,
        max_retries=max_retries,
        stream=stream,
        output=output,
        llm_params=llm_params,
        include_usage=include_usage,
    )


@overload
def azure_openai(
    deployment_name: str | None = None, *, stream: Literal[True], **settings: Unpack[AzureSettings]
) -> Model[Literal[True]]: ...
@overload
def azure_openai(
    deployment_name: str | None = None, *, stream: Literal[False] = ..., **settings: Unpack[AzureSettings]
) -> Model[Literal[False]]: ...
def azure_openai(
    deployment_name: str | None = None,
    *,
    azure_openai_key: str | None = None,
    azure_openai_api_base: str | None = None,
    api_version: str = "2024-10-21",
    headers: Mapping[str, str] | None = None,
    timeout: Timeouts | float | None = None,
    max_retries: int = 2,
    stream: bool = False,
    output: Auto = "auto",
    llm_params: Mapping[str, Any] | None = None,
    model: str | None = None,
) -> Model[Any]:
    """Give a model that is deployed at Azure OpenAI.

    Args:
        deployment_name: the deployment; ``model`` is another name for it.
        azure_openai_key: by default ``DECLARAI_AZURE_OPENAI_KEY`` or ``AZURE_OPENAI_API_KEY``.
        azure_openai_api_base: the resource's address; by default ``DECLARAI_AZURE_OPENAI_API_BASE``
            or ``AZURE_OPENAI_ENDPOINT``.
        api_version: of Azure's API.

    ``headers``, ``timeout``, ``max_retries``, ``stream``, ``output`` and ``llm_params`` are as for `openai`.

    Raises:
        ConfigurationError: a setting is wrong or missing; or, at the first request, there is no key.
    """
    name = deployment_name or model
    if not name:
        raise ConfigurationError("azure_openai() needs the deployment_name of the model")
    base = azure_openai_api_base or _setting("DECLARAI_AZURE_OPENAI_API_BASE", "AZURE_OPENAI_ENDPOINT")
    if not base:
        raise ConfigurationError(
            "azure_openai() needs the resource's address: give azure_openai_api_base, or set AZURE_OPENAI_ENDPOINT"
        )
    account = Account(
        azure=True,
        key=azure_openai_key,
        key_setting="azure_openai_key",
        key_variables=("DECLARAI_AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"),
        needs_key=True,
        arguments={
            "azure_endpoint": _address(base, "azure_openai_api_base"),
            "api_version": api_version,
            "default_headers": checked_headers(headers),
        },
    )
    return _model(
        name,
        account,
        shown=f"azure_openai:{name} at {_host(base)}",
        auto="schema",
        timeout=timeout,
        max_retries=max_retries,
        stream=stream,
        output=output,
        llm_params=llm_params,
        include_usage=True,
    )


@overload
def offline(
    replies: Replies = None,
    *,
    delay: float = 0.0,
    timeout: Timeouts | float | None = None,
    stream: Literal[True],
    output: Auto = "auto",
) -> Model[Literal[True]]: ...
@overload
def offline(
    replies: Replies = None,
    *,
    delay: float = 0.0,
    timeout: Timeouts | float | None = None,
    stream: Literal[False] = False,
    output: Auto = "auto",
) -> Model[Literal[False]]: ...
def offline(
    replies: Replies = None,
    *,
    delay: float = 0.0,
    timeout: Timeouts | float | None = None,
    stream: bool = False,
    output: Auto = "auto",
) -> Model[Any]:
    """Give the embedded model: no key, no network, the same answer to the same question each time.

    It is a stand-in and not a language model: it plays back ``replies``, and where none matches it
    makes up an answer that has the form of the task's return type and nothing more.

    Args:
        replies: a list, played in order; a dict, whose keys are looked for in the prompt; a function
            of the messages; the path of a tape that `declarai_like.testing.record` has made; or a
            `Script`. A reply is a text, a value that is written as JSON, a `Reply`, `Fault` or `Raw` of
            `declarai_like.testing`, or an exception, which is raised.
        delay: seconds between two chunks of a stream.

    ``timeout``, ``stream`` and ``output`` are as for `openai`.

    Raises:
        ConfigurationError: a setting is wrong, or the tape has a broken line.
        FileNotFoundError: there is no such tape.
    """
    from .._offline import Script

    script = replies if isinstance(replies, Script) else Script(replies, delay=delay)
    return Model(
        LLM(
            "offline",
            OpenAIProvider(),
            InProcessTransport(script.answer),
            timeouts=Timeouts.of(timeout),
            max_retries=2,
        ),
        stream=stream,
        output=_output(output, "schema"),
        params=None,
        shown="offline",
    )


def model(name: str | None = None, /) -> Model[Literal[False]]:
    """Give the model that a name says, by default the one in ``DECLARAI_MODEL``.

    Names are ``"openai:<model>"``, ``"azure_openai:<deployment>"`` and ``"offline"``.

    Raises:
        ConfigurationError: there is no name, no such kind of model, or one of its settings is missing.
    """
    given = name if name is not None else os.environ.get("DECLARAI_MODEL", "")
    kind, _, rest = given.partition(":")
    if kind == "offline" and not rest:
        return offline()
    if kind in ("openai", "azure_openai") and rest:
        return openai(rest) if kind == "openai" else azure_openai(rest)
    what = f"{given!r} names no model" if given else "no model is set"
    raise ConfigurationError(
        f"{what}: set DECLARAI_MODEL (or call declarai.model) to 'openai:<model>', "
        "'azure_openai:<deployment>' or 'offline', which makes up its answers"
    )


@overload
def task(  # type: ignore[overload-overlap]  # the narrower one comes first
    function: ByElement[P, T],
) -> Task[P, Items[T]]: ...
@overload
def task(function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Coroutine[Any, Any, R]]: ...
@overload
def task(function: Callable[P, R]) -> Task[P, R]: ...
@overload
def task(*, streaming: Literal[True], **settings: Unpack[TaskSettings]) -> StreamingDecorator: ...
@overload
def task(*, streaming: Literal[False] = ..., **settings: Unpack[TaskSettings]) -> Decorator: ...
def task(
    function: Callable[..., Any] | None = None,
    *,
    streaming: bool = False,
    replay: bool = True,
    **settings: Unpack[OutputSettings],
) -> Any:
    """Make a task for the model that ``DECLARAI_MODEL`` names, which is read at the first call.

    The settings are those of `Model.task`.

    Raises:
        DeclarationError: the function cannot become a task.
        ConfigurationError: at the first call, when there is no such model.
    """

    def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
        prompt: Prompt[Any] = Prompt(function)
        output_call = functools.cache(lambda: model().output_call(prompt.name, prompt.output_type, **settings))
        return Task(function, prompt, output_call, streaming=streaming, replay=replay)

    return decorate if function is None else decorate(function)


@overload
def chat(cls: type[K]) -> type[K]: ...
@overload
def chat(**settings: Unpack[ChatSettings]) -> Callable[[type[K]], type[K]]: ...
def chat(
    cls: type | None = None,
    *,
    streaming: bool | None = None,
    replay: bool = True,
    keep_partial: bool = False,
    window: Window | None = None,
    **settings: Unpack[OutputSettings],
) -> Any:
    """Make a chat for the model that ``DECLARAI_MODEL`` names, which is read at the first message.

    The settings are those of `Model.chat`.

    Raises:
        DeclarationError: the class cannot become a chat.
        ConfigurationError: at the first message, when there is no such model.
    """

    def output_call(name: str, output_type: OutputType[Any]) -> Callable[[], OutputCall[Any]]:
        return functools.cache(lambda: model().output_call(name, output_type, **settings))

    from ..chats import ChatDeclaration, make_chat  # as in `models`

    said = ChatDeclaration(
        output_call,
        lambda name, output_type: model().output_call(name, output_type),
        streaming,
        streams=False,
        replay=replay,
        keep_partial=keep_partial,
        window=window,
    )
    return functools.partial(make_chat, settings=said) if cls is None else make_chat(cls, said)


def _model(
    name: str,
    account: Account,
    *,
    shown: str,
    auto: Output,
    timeout: Timeouts | float | None,
    max_retries: int,
    stream: bool,
    output: Auto,
    llm_params: Mapping[str, Any] | None,
    include_usage: bool,
) -> Model[Any]:
    if not isinstance(max_retries, int) or isinstance(max_retries, bool) or max_retries < 0:  # pyright: ignore[reportUnnecessaryIsInstance]  (settings come from anywhere)
        raise ConfigurationError(f"max_retries is {max_retries!r}; it takes a number from 0")
    llm = LLM(
        name,
        OpenAIProvider(include_usage=include_usage),
        OpenAITransport(account),
        timeouts=Timeouts.of(timeout),
        max_retries=max_retries,
    )
    return Model(llm, stream=stream, output=_output(output, auto), params=llm_params, shown=shown)


def _output(given: Auto, auto: Output) -> Output:
    if given not in ("auto", "schema", "tool", "prompt"):
        raise ConfigurationError(f"output is {given!r}; it is one of 'auto', 'schema', 'tool' or 'prompt'")
    return auto if given == "auto" else given


def _address(url: Any, setting: str) -> Any:
    if url and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        raise ConfigurationError(f"{setting} is {url!r}; it begins with http:// or https://")
    return url or None


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _setting(*variables: str) -> str | None:
    return next((value for variable in variables if (value := os.environ.get(variable))), None)
