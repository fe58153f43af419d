"""Base classes of endpoints, and the request models that are built from signatures."""

from __future__ import annotations

import inspect
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from ..._core import checks
from ...errors import ConfigurationError
from ...messages import Message
from ..answers import PartialFormat, ServedAnswer
from ..errors import InvalidRequest
from ..events import EventName

SESSION_ID = re.compile(r"[A-Za-z0-9_.~-]{1,128}")  # the unreserved characters of URLs (RFC 3986, 2.3)
_SESSION_FIELD = Field(pattern=f"^{SESSION_ID.pattern}$", description="id of the session")
SessionId = Annotated[str, _SESSION_FIELD]
OptionalSessionId = Annotated[str | None, _SESSION_FIELD]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
NO_RESULT: Any = inspect.Parameter.empty
"""Result type of an endpoint whose answers are only text."""
RESERVED_NAMES = frozenset(("streams", "v1", "ui"))
"""First path segments of the router's own routes."""


class RequestBody(BaseModel):
    """Base of request bodies: undeclared fields are refused, so that a misspelled one is not ignored."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class TextInput:
    """The input for plain text, which is all that the protocols of front ends send.

    Attributes:
        name: the input that gets the text; empty if no input does.
        problem: why a task has no such input, for the error; empty if it has one, or is not served to front ends.
        adapter: returns the request body for the text; it is used instead of ``name``.
    """

    name: str = ""
    problem: str = ""
    adapter: Callable[[str], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Options of one answer.

    Attributes:
        partials: the form of incomplete typed values.
        params: parameters for the model; they override those of the declaration.
        history: the earlier messages, if the request brings its conversation along; then nothing is saved.
        regenerate: True to answer the last message again, and to drop its previous answer.
    """

    partials: PartialFormat = "snapshot"
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    history: Sequence[Message] | None = None
    regenerate: bool = False


TextAdapter: TypeAlias = Callable[[str], Mapping[str, Any]] | Literal[False] | None
"""Returns the request body for plain text; False if the endpoint has no routes for front ends."""


class Endpoint:
    """A named object that answers requests.

    Attributes:
        name: its name in URLs.
        description: its description in the OpenAPI document.
        request: the model of request bodies; with sessions, without the session id.
        events: the names of events between the first and the last one.
        result: the type of results.
        text_input: its input for plain text.
    """

    name: str
    description: str
    request: type[BaseModel]
    events: tuple[EventName, ...]
    result: Any = NO_RESULT
    text_input: TextInput

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> ServedAnswer:
        """Return the answer to a request. It has not started to run.

        Args:
            request: the fields of the request body.
            session: the key of the session (`StreamKey.session_key`); empty without sessions.
            options: options of this answer.
        """
        raise NotImplementedError

    def request_for_text(self, text: str) -> Mapping[str, Any]:
        """Return the request that passes this text.

        Raises:
            InvalidRequest: the text is not valid for the request model.
        """
        text_input = self.text_input
        body = text_input.adapter(text) if text_input.adapter else {text_input.name: text}
        try:
            request = self.request.model_validate(body)
        except ValidationError as error:
            # Without the input: the error goes to the client, and the text may be long
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise InvalidRequest(f"the text is not valid: {first['msg']}") from error
        return self.read(request)

    def read(self, body: BaseModel) -> Mapping[str, Any]:
        """Return the fields of a request body by the names that clients use."""
        return {field.alias or name: getattr(body, name) for name, field in self.request.model_fields.items()}


class SessionEndpoint(Endpoint):
    """An endpoint with sessions.

    Attributes:
        active_stream: returns True if an answer runs in a session; set by the router.
    """

    active_stream: Callable[[str], bool] | None = None

    def is_active(self, session: str) -> bool:
        """Return True if an answer runs in a session."""
        return self.active_stream is not None and self.active_stream(session)

    async def read_session(self, session: str) -> Mapping[str, Any]:
        """Return the data of a session that its client may see: the conversation or the state."""
        raise NotImplementedError


def checked_name(name: str) -> str:
    """Return a name that can be a path segment of a URL.

    Raises:
        ConfigurationError: it cannot.
    """
    what = "the name of an endpoint"
    expected = "a letter or _, followed by letters, digits and ._-"
    hint = "serve.task, serve.chat, serve.application and serve.function take name=..."
    if not isinstance(cast("object", name), str):
        raise checks.wrong_type(what, expected, name, hint)
    if not _NAME.fullmatch(name):
        raise checks.wrong_value(what, expected, name, hint)
    if name in RESERVED_NAMES:
        raise ConfigurationError(
            f"{what} must not be {name!r}, which every router has as a route; pass another name=..."
        )
    return name


def request_model(name: str, parameters: Mapping[str, inspect.Parameter], types: Mapping[str, Any]) -> type[BaseModel]:
    """Return the model of request bodies for a function: one field for each parameter.

    Raises:
        ConfigurationError: the type of a parameter cannot be read from JSON.
    """
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters.values()):
        annotation = types.get(parameter.name, parameter.empty)
        annotation = Any if annotation is parameter.empty else annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        _check_type(name, parameter.name, annotation)
        # The parameter's name is only the alias: as a field, `json` or `model_config` would clash with BaseModel's own
        fields[f"parameter_{number}"] = (annotation, Field(default, alias=parameter.name))
    return cast("type[BaseModel]", create_model(f"{model_name(name)}Request", __base__=RequestBody, **fields))


def text_input_of(parameters: Mapping[str, inspect.Parameter]) -> TextInput:
    """Return the only required parameter as the one for plain text."""
    required = [each.name for each in parameters.values() if each.default is each.empty]
    if len(required) > 1:
        return TextInput(problem=f"it has {len(required)} required parameters ({', '.join(required)})")
    return TextInput(required[0]) if required else TextInput()


def with_adapter(text_input: TextInput, adapter: TextAdapter) -> TextInput:
    """Return the input for plain text, with the user's ``adapter=``.

    Raises:
        ConfigurationError: the adapter is not a function, False or None.
    """
    if adapter is False:
        return TextInput(problem="")
    if adapter is not None and not callable(adapter):
        raise checks.wrong_type("adapter", "a function of a str, or False", adapter)
    return text_input if adapter is None else replace(text_input, problem="", adapter=adapter)


def model_name(name: str) -> str:
    """Return the name of an endpoint as that of an OpenAPI model; different names stay different."""
    # Escaped, not dropped: say.it and say-it need two models
    return name[:1].upper() + re.sub(r"[^A-Za-z0-9_]", lambda sign: f"_{ord(sign[0]):X}_", name[1:])


def new_session() -> str:
    """Return a session id that cannot be guessed."""
    return secrets.token_urlsafe(16)


def first_paragraph(documented: Callable[..., Any] | type) -> str:
    """Return the first paragraph of a docstring."""
    return inspect.cleandoc(documented.__doc__ or "").partition("\n\n")[0]


def _check_type(name: str, parameter: str, annotation: Any) -> None:
    try:
        create_model("Parameter", value=(annotation, ...))
    except PydanticUserError as error:
        raise ConfigurationError(
            f"{name!r} cannot be served: its parameter {parameter!r} is of type {annotation!r}, which cannot be read "
            "from JSON; serve a function that takes plain data"
        ) from error
