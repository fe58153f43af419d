"""What a router serves: something with a name that answers requests; and how its requests are read from a signature."""

from __future__ import annotations

import inspect
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from ...errors import ConfigurationError
from ...messages import Message
from ..answers import Partials, ServedAnswer
from ..errors import InvalidRequest
from ..events import EventName

SESSION = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
_FIELD = Field(pattern=f"^{SESSION.pattern}$", description="which conversation this is")
SessionId = Annotated[str, _FIELD]
OptionalSessionId = Annotated[str | None, _FIELD]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
NOTHING: Any = inspect.Parameter.empty
"""The type of a result that there is none of: the answer is text alone."""
RESERVED = frozenset(("streams", "v1", "ui"))
"""Names of the router's own routes."""


class ServedRequest(BaseModel):
    """The body of a request: what is not declared is refused."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class TextInput:
    """How a text is given to something that takes more than texts.

    Attributes:
        name: the input that takes it.
        problem: why there is none.
        adapter: gives the body of a request for a text.
    """

    name: str = ""
    problem: str = ""
    adapter: Callable[[str], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How an answer is to be given.

    Attributes:
        partials: the form of typed values that are not whole.
        params: parameters for the model, over those of the declaration.
        said: what was said before, where a request brings its conversation along; then nothing of it is kept.
        anew: whether a text that was answered already is to be answered anew, and what came of it forgotten.
    """

    partials: Partials = "snapshot"
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    said: Sequence[Message] | None = None
    regenerate: bool = False


Adapter: TypeAlias = Callable[[str], Mapping[str, Any]] | Literal[False] | None
"""Gives the body of a request for a text; False where front ends that send only a text shall not be answered."""


class Served:
    """Something that answers requests.

    Attributes:
        name: what it is called in addresses.
        description: what it does, in words.
        request: the body of its requests; of one with sessions, without the session.
        events: what may happen in its answers, apart from how they begin and end.
        result: the type of its results.
        prompt: how it is given a text, by front ends that send nothing else.
    """

    name: str
    description: str
    request: type[BaseModel]
    events: tuple[EventName, ...]
    result: Any = NOTHING
    prompt: TextInput

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> ServedAnswer:
        """Prepare the answer to a request. Nothing of it is run yet.

        Args:
            request: the fields of its body.
            session: whose it is; empty where there are no sessions.
            options: what is asked beside that.
        """
        raise NotImplementedError

    def request_for_text(self, text: str) -> Mapping[str, Any]:
        """Give the request that takes this text.

        Raises:
            InvalidRequest: the text is not taken.
        """
        body = self.prompt.adapter(text) if self.prompt.adapter else {self.prompt.name: text}
        try:
            request = self.request.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise InvalidRequest(f"the text is not taken: {first['msg']}") from error
        return self.read(request)

    def read(self, body: BaseModel) -> Mapping[str, Any]:
        """Give the fields of a request, by the names that clients use."""
        return {field.alias or name: getattr(body, name) for name, field in self.request.model_fields.items()}


class ServedSessions(Served):
    """Something that answers requests in sessions.

    Attributes:
        at_work: says whether a session is; set by the router.
    """

    active_stream: Callable[[str], bool] | None = None

    def is_active(self, session: str) -> bool:
        """Whether an answer is under way in a session."""
        return self.active_stream is not None and self.active_stream(session)

    async def recall(self, session: str) -> Mapping[str, Any]:
        """Give what a session has come to."""
        raise NotImplementedError


def checked_name(name: str) -> str:
    """Give a name that can stand in an address.

    Raises:
        ConfigurationError: it cannot.
    """
    given: Any = name
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise ConfigurationError(
            f"{name!r} cannot be served under this name; give it one of letters, digits and ._- that begins with a letter: "
            "serve.task, serve.chat, serve.application and serve.function take name=..."
        )
    if name in RESERVED:
        raise ConfigurationError(f"{name!r} is the name of a route that every router has; give another: name=...")
    return name


def request_of(name: str, parameters: Mapping[str, inspect.Parameter], types: Mapping[str, Any]) -> type[BaseModel]:
    """Make the model of the requests of a function: a field for each parameter.

    Raises:
        ConfigurationError: a type is none that JSON can be read into.
    """
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters.values()):
        annotation = types.get(parameter.name, parameter.empty)
        annotation = Any if annotation is parameter.empty else annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        _check_type(name, parameter.name, annotation)
        # By an alias, as some names are a model's own
        fields[f"parameter_{number}"] = (annotation, Field(default, alias=parameter.name))
    return cast("type[BaseModel]", create_model(f"{model_name(name)}Request", __base__=ServedRequest, **fields))


def text_input_of(parameters: Mapping[str, inspect.Parameter]) -> TextInput:
    """Find the only parameter that must be given."""
    required = [each.name for each in parameters.values() if each.default is each.empty]
    if len(required) > 1:
        return TextInput(problem=f"it has {len(required)} required parameters ({', '.join(required)})")
    return TextInput(required[0]) if required else TextInput()


def adapted(prompt: TextInput, adapter: Adapter) -> TextInput:
    """Say how a text is given, with what the user says of it.

    Raises:
        ConfigurationError: that is no adapter.
    """
    if adapter is False:
        return TextInput(problem="")
    if adapter is not None and not callable(adapter):
        raise ConfigurationError(f"adapter is {adapter!r}; it is a function of a text, or False")
    return prompt if adapter is None else replace(prompt, problem="", adapter=adapter)


def model_name(name: str) -> str:
    """Give a name as that of a model in the description of an API; other names give others."""
    return name[:1].upper() + re.sub(r"[^A-Za-z0-9_]", lambda sign: f"_{ord(sign[0]):X}_", name[1:])


def new_session() -> str:
    """Give a name for a session that cannot be guessed."""
    return secrets.token_urlsafe(16)


def described(thing: Callable[..., Any] | type) -> str:
    """Give the first paragraph of a docstring."""
    return inspect.cleandoc(thing.__doc__ or "").partition("\n\n")[0]


def _check_type(name: str, parameter: str, annotation: Any) -> None:
    try:
        create_model("Parameter", value=(annotation, ...))
    except PydanticUserError as error:
        raise ConfigurationError(
            f"{name!r} cannot be served: its parameter {parameter!r} is a {annotation!r}, which JSON cannot be read into; "
            "wrap it in a function that takes plain data"
        ) from error
