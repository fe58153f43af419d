"""Functions that return a model: ``openai()``, ``azure_openai()``, ``offline()``, ``model()``; and the default model."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack, overload
from urllib.parse import urlsplit

from .._calls.output_call import OutputCall, OutputMode
from .._core import checks
from .._llm.llm import LLM
from .._llm.transport.inprocess import InProcessTransport
from .._llm.transport.openai import Account, OpenAITransport
from .._net.http_clients import checked_headers
from .._net.timeouts import Timeouts
from .._output.output_type import OutputType
from ..errors import ConfigurationError
from ..providers.openai import OpenAIProvider
from .models import Model, OutputModeOrAuto, OutputSettings, resolve_output

if TYPE_CHECKING:
    from .._offline import Replies

R = TypeVar("R")


class ModelSettings(TypedDict, total=False):
    """The settings of each model that speaks OpenAI's protocol: see `openai`."""

    headers: Mapping[str, str] | None
    timeout: Timeouts | float | None
    max_retries: int
    output: OutputModeOrAuto
    llm_params: Mapping[str, Any] | None


class OpenAISettings(ModelSettings, total=False):
    """The settings of `openai`."""

    api_key: str | None
    base_url: str | None
    include_usage: bool
    openai_token: str | None


class AzureSettings(ModelSettings, total=False):
    """The settings of `azure_openai`."""

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
    output: OutputModeOrAuto = "auto",
    llm_params: Mapping[str, Any] | None = None,
    include_usage: bool = True,
    openai_token: str | None = None,
) -> Model[Any]:
    """Return a model of OpenAI, or of any server that speaks its Chat Completions API.

    Args:
        model: the name of the model at the server.
        api_key: by default ``DECLARAI_OPENAI_API_KEY`` or ``OPENAI_API_KEY``, read at the first
            request. Another ``base_url`` may need no key; a key that is set is sent to it.
        base_url: by default ``OPENAI_BASE_URL``, else OpenAI.
        headers: sent with each request.
        timeout: a `Timeouts`, or the number of seconds for the complete call.
        max_retries: how often a request is sent again that failed before its answer began.
        stream: tasks stream, unless their decorator sets ``streaming``.
        output: how structured output is requested, unless a decorator sets it; ``"auto"`` is
            ``"schema"`` at OpenAI and Azure, and ``"prompt"`` elsewhere.
        llm_params: parameters of each request (``temperature``, ...).
        include_usage: streams request the token count; some servers do not know the option.
        openai_token: deprecated alias of ``api_key``, for one release.

    Raises:
        ConfigurationError: a setting is wrong; or, at the first request, the key is missing.
    """
    _check_name("model of openai()", model)
    url = _checked_url(base_url or os.environ.get("OPENAI_BASE_URL"), "base_url")
    # With the leading dot, because another host may end in openai.com as well
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
    output: OutputModeOrAuto = "auto",
    llm_params: Mapping[str, Any] | None = None,
    model: str | None = None,
) -> Model[Any]:
    """Return a model that is deployed at Azure OpenAI.

    Args:
        deployment_name: the name of the deployment.
        azure_openai_key: by default ``DECLARAI_AZURE_OPENAI_KEY`` or ``AZURE_OPENAI_API_KEY``.
        azure_openai_api_base: the URL of the resource; by default ``DECLARAI_AZURE_OPENAI_API_BASE``
            or ``AZURE_OPENAI_ENDPOINT``.
        api_version: the version of Azure's API.
        model: deprecated alias of ``deployment_name``, for one release.

    ``headers``, ``timeout``, ``max_retries``, ``stream``, ``output`` and ``llm_params`` are as for `openai`.

    Raises:
        ConfigurationError: a setting is wrong or missing; or, at the first request, the key is missing.
    """
    name = deployment_name or model
    if not name:
        raise ConfigurationError("azure_openai() needs deployment_name, the name of the deployment")
    _check_name("deployment_name of azure_openai()", name)
    base = azure_openai_api_base or _from_variables("DECLARAI_AZURE_OPENAI_API_BASE", "AZURE_OPENAI_ENDPOINT")
    if not base:
        raise ConfigurationError(
            "azure_openai() needs the URL of the resource; pass azure_openai_api_base, or set AZURE_OPENAI_ENDPOINT"
        )
    account = Account(
        azure=True,
        key=azure_openai_key,
        key_setting="azure_openai_key",
        key_variables=("DECLARAI_AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"),
        needs_key=True,
        arguments={
            "azure_endpoint": _checked_url(base, "azure_openai_api_base"),
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
    output: OutputModeOrAuto = "auto",
) -> Model[Literal[True]]: ...
@overload
def offline(
    replies: Replies = None,
    *,
    delay: float = 0.0,
    timeout: Timeouts | float | None = None,
    stream: Literal[False] = False,
    output: OutputModeOrAuto = "auto",
) -> Model[Literal[False]]: ...
def offline(
    replies: Replies = None,
    *,
    delay: float = 0.0,
    timeout: Timeouts | float | None = None,
    stream: bool = False,
    output: OutputModeOrAuto = "auto",
) -> Model[Any]:
    """Return the offline model: it needs no key and no network, and is deterministic.

    It is not a language model: it plays back ``replies``. Where none matches, it samples an answer that is
    valid for the task's return type and has no meaning.

    Args:
        replies: a list, played in order; a dict, whose keys are searched for in the prompt; a function
            of the messages; the path of a tape written by `declarai_like.testing.record`; or a
            `Script`. A reply is a str, a value that is written as JSON, a `Reply`, `Fault` or `Raw` of
            `declarai_like.testing`, or an exception, which is raised.
        delay: seconds between two chunks of a stream.

    ``timeout``, ``stream`` and ``output`` are as for `openai`.

    Raises:
        ConfigurationError: a setting is wrong, or the tape has a broken line.
        FileNotFoundError: the tape does not exist.
    """
    from .._offline import Script

    script = replies if isinstance(replies, Script) else Script(replies, delay=delay)
    return Model(
        LLM(
            "offline",
            OpenAIProvider(),
            InProcessTransport(script.answer),
            timeouts=Timeouts.of(timeout),
            max_retries=2,  # as for `openai`: scripted faults are retried like real ones
        ),
        stream=stream,
        output=resolve_output("output", output, "schema"),
        params=None,
        shown="offline",
    )


def model(name: str | None = None, /) -> Model[Literal[False]]:
    """Return the model with a name, by default the name in ``DECLARAI_MODEL``.

    Names are ``"openai:<model>"``, ``"azure_openai:<deployment>"`` and ``"offline"``.

    Raises:
        ConfigurationError: the name is missing or unknown, or a setting of the model is missing.
    """
    given = name if name is not None else os.environ.get("DECLARAI_MODEL", "")
    kind, _, rest = given.partition(":")  # at the first colon: names of models may contain others
    if kind == "offline" and not rest:
        return offline()
    if kind in ("openai", "azure_openai") and rest:
        return openai(rest) if kind == "openai" else azure_openai(rest)
    problem = f"{given!r} is not the name of a model" if given else "no model is set"
    raise ConfigurationError(
        f"{problem}; set DECLARAI_MODEL (or call declarai.model) to 'openai:<model>', "
        "'azure_openai:<deployment>' or 'offline', which needs no server"
    )


class _EnvironmentModel(Model[Literal[False]]):
    """The model that ``DECLARAI_MODEL`` names. The variable is read at the first call of each task or chat.

    So a module can declare tasks at import, before the program has set the variable.
    """

    def __init__(self) -> None:  # not that of `Model`, which needs the model's settings
        self._stream = False
        self._shown = "named by DECLARAI_MODEL"

    def output_call(self, name: str, output_type: OutputType[R], **settings: Unpack[OutputSettings]) -> OutputCall[R]:
        return model().output_call(name, output_type, **settings)

    def _output_call_factory(
        self, name: str, output_type: OutputType[R], settings: OutputSettings
    ) -> Callable[[], OutputCall[R]]:
        # An error is not cached, so a call that failed without the variable succeeds once it is set
        return functools.cache(lambda: self.output_call(name, output_type, **settings))


_from_environment = _EnvironmentModel()

task = _from_environment.task
"""Make a task for the model that ``DECLARAI_MODEL`` names, which is read at the first call.

The settings are those of `Model.task`. A function that cannot become a task raises `DeclarationError` at once; a
wrong setting, or a missing model, raises `ConfigurationError` at the first call.
"""

chat = _from_environment.chat
"""Make a chat for the model that ``DECLARAI_MODEL`` names, which is read at the first message.

The settings are those of `Model.chat`. A class that cannot become a chat raises `DeclarationError` at once; a
wrong setting, or a missing model, raises `ConfigurationError` at the first message.
"""


def _model(
    name: str,
    account: Account,
    *,
    shown: str,
    auto: OutputMode,
    timeout: Timeouts | float | None,
    max_retries: int,
    stream: bool,
    output: OutputModeOrAuto,
    llm_params: Mapping[str, Any] | None,
    include_usage: bool,
) -> Model[Any]:
    llm = LLM(
        name,
        OpenAIProvider(include_usage=include_usage),
        OpenAITransport(account),
        timeouts=Timeouts.of(timeout),
        max_retries=checks.integer("max_retries", max_retries, minimum=0),
    )
    return Model(llm, stream=stream, output=resolve_output("output", output, auto), params=llm_params, shown=shown)


def _check_name(what: str, given: object) -> None:
    if not checks.string(what, given):
        raise checks.wrong_value(what, "the name of a model", given)


def _checked_url(url: str | None, setting: str) -> str | None:
    if url and not checks.string(setting, url).startswith(("http://", "https://")):
        raise checks.wrong_value(setting, "a URL that starts with http:// or https://", url)
    return url or None


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _from_variables(*variables: str) -> str | None:
    return next((value for variable in variables if (value := os.environ.get(variable))), None)
