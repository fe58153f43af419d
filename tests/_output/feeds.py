"""Feeds of text for the transducers: each piece of text is fed as one chunk of the first attempt."""

from __future__ import annotations

from typing import Any

from declarai_like._output.types.partials import Partial
from declarai_like._output.types.root import AnswerSpec
from declarai_like._output.views.transducers import Elements, Events, Partials
from declarai_like.errors import Attempt, InvalidElement, OutputError
from declarai_like.messages import LLMResponse
from declarai_like.stream import Restarted, TextDelta


def spec_of(type_: Any) -> AnswerSpec[Any]:
    return type_ if isinstance(type_, AnswerSpec) else AnswerSpec(type_)


class PartialFeed:
    """Feeds `Partials`."""

    def __init__(self, type_: Any, *, early: bool = False) -> None:
        self._result: Any = None
        self._last: Partial[Any] | None = None
        self._partials = Partials[Any](spec_of(type_), lambda: self._result, early=early)
        self.feed("")  # the first chunk of a provider often has no text; it starts the attempt

    def feed(self, text: str) -> Partial[Any] | None:
        """Return the partial after a piece of text; None before there is one. Without text, the last one stays."""
        partials = self._partials.feed(LLMResponse(text, text))
        if text:
            self._last = next(iter(partials), None)
        return self._last

    def end(self, result: Any) -> Partial[Any] | None:
        """End an answer with this result. Return the last partial, if there is another one."""
        self._result = result
        return next(iter(self._partials.end()), None)

    def end_without_result(self) -> None:
        """End an answer that is not valid."""
        self._partials._finder.end()

    @property
    def found(self) -> bool:
        """True if the JSON of the answer was found, so that the last partial is complete."""
        return self._partials._finder.found


class FieldFeed:
    """Feeds `Events`, and returns the events of fields."""

    def __init__(self, type_: Any) -> None:
        self._events = Events[Any](spec_of(type_), lambda: None, lambda: LLMResponse(""))

    def feed(self, text: str) -> tuple[bool, list[Any]]:
        """Return whether all earlier events are withdrawn, and the events of a piece of text."""
        return self._fields([*self._events.feed(LLMResponse(text, text))])

    def end(self) -> tuple[bool, list[Any]]:
        """Return the same at the end of the answer."""
        return self._fields([*self._events.end()][:-1])

    def _fields(self, events: list[Any]) -> tuple[bool, list[Any]]:
        fields = [event for event in events if not isinstance(event, TextDelta)]
        is_withdrawn = isinstance(fields[0], Restarted) if fields else False
        return is_withdrawn, fields[is_withdrawn:]


class ElementFeed:
    """Feeds `Elements`.

    Attributes:
        errors: with ``collect``, the errors of invalid elements so far.
        failure: the error of the first invalid element, once it was raised.
    """

    def __init__(self, type_: Any, *, collect: bool = False) -> None:
        self.errors: list[InvalidElement] = []
        self.failure: InvalidElement | None = None
        self._elements = Elements[Any](spec_of(type_), bool, self.errors if collect else None)

    @property
    def candidate_count(self) -> int:
        """The number of lists that are kept, as one of them may be the answer."""
        return len(self._elements._candidates)

    def feed(self, text: str) -> list[Any]:
        """Return the new elements of a piece of text."""
        found: list[Any] = []
        try:
            for element in self._elements.feed(LLMResponse(text, text)):
                found.append(element)
        except InvalidElement as error:
            self.failure = error
        return found

    def end(self) -> InvalidElement | None:
        """End an answer that is not valid. Return the error of the element to blame, if there is one."""
        try:
            list(self._elements.fail(OutputError("not valid", attempts=(Attempt("", "not valid"),))))
        except InvalidElement as error:
            return error
        except OutputError:
            pass
        return None
