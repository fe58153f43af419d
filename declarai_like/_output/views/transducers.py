"""The transducers behind `Stream.partials`, `patches`, `items` and `events`: each turns chunks into its own items.

A transducer serves one reader (`declarai_like._core.replay.Transducer`). It starts again when the attempt of the
chunks changes. In an attempt, a `JSONFinder` finds the JSON that counts, and parses it with the handlers of the type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Literal, TypeVar, cast

from ...errors import ConfigurationError, InvalidElement, OutputError
from ...messages import LLMResponse, ResponseText, Usage
from ..incremental import ABSENT, ContainerBuilder, IncrementalParser, JSONFinder, TextSoFar
from ..incremental.plain import parse_early
from ..types.elements import ElementsHandler
from ..types.partials import Partial, StreamState, is_valid, shown_value, underlying
from ..types.root import AnswerSpec, RootBuilder, RootHandler
from ..types.specs import ArraySpec
from .events import Event, Finished, ReasoningDelta, Restarted, TextDelta, ToolCalled, UsageReported
from .field_listener import FieldListener
from .patch_state import PatchState
from .patches import Operation

R = TypeVar("R")
T = TypeVar("T")

_NOT_THE_ANSWER = "the JSON so far turned out not to be the answer"


class Partials(Generic[R]):
    """Turns chunks into the value so far: one for each chunk with text, from the first that shows something."""

    _finder: JSONFinder
    _text: ResponseText | None  # of an answer that is plain text

    def __init__(self, spec: AnswerSpec[R], result: Callable[[], R], *, early: bool) -> None:
        """``result`` returns the complete answer; ``early`` shows incomplete numbers and literals."""
        self._spec = spec
        self._result = result
        self._early = parse_early if early else None
        self._attempt = 0

    def feed(self, chunk: LLMResponse) -> Iterable[Partial[R]]:
        if chunk.attempt != self._attempt:
            self._attempt = chunk.attempt
            self._finder = JSONFinder(lambda: IncrementalParser(self._spec.root), is_valid)
            self._text = ResponseText() if self._spec.output_type.is_text else None
        if not chunk.delta:
            return ()
        if self._text is not None:
            # Not the text of the chunk: all chunks share that one, and of buffered chunks it is longer already.
            self._text.pieces.append(chunk.delta)
            self._text.length += len(chunk.delta)
            return (Partial(TextSoFar(self._text)),)
        self._finder.feed(chunk.delta)
        parser = self._finder.parser
        if parser is None:
            return ()
        snapshot, builders = parser.snapshot(early=self._early), parser.builders
        if len(builders) > 1 and self._is_visible(builders[0]):
            return (Partial(snapshot),)
        value = shown_value(snapshot.build())
        return () if value is ABSENT else (self._partial(value),)

    def _is_visible(self, root: ContainerBuilder) -> bool:
        """True if a value with an open part is certain to show something, so that it need not be built to find out."""
        return not self._spec.may_hide and (root.has_begun if isinstance(root, RootBuilder) else True)

    @property
    def source(self) -> object:
        """The source of the last partial. It changes with each attempt, and if other JSON becomes the answer."""
        if not self._attempt:
            return None
        return self._finder.parser if self._text is None else self._text

    def end(self) -> Iterable[Partial[R]]:
        result = self._result()
        if not self._attempt:  # no chunks
            return (Partial(result),)
        last = self._last_partial(result) if self._text is None else None
        return () if last is None else (last,)

    def _last_partial(self, result: R) -> Partial[R] | None:
        """Return the last partial, if it differs from the one before.

        It differs if a fence was never closed, or if the answer is not JSON: ``The answer is 5`` is understood only
        when it is complete.
        """
        finder = self._finder
        shown = finder.parser if finder.found else None
        finder.end()
        if not finder.found:
            return self._partial(result, state="complete")
        return None if finder.parser is shown else self._partial(finder.value_so_far())

    def _partial(self, value: Any, *, state: Literal["incomplete", "complete"] = "incomplete") -> Partial[R]:
        if self._spec.type_handler.is_state:
            value = StreamState[Any](value, "complete" if self._finder.found else state)
        return Partial(value)

    def fail(self, error: Exception) -> Iterable[Partial[R]]:
        raise error


class Patches(Generic[R]):
    """Turns chunks into JSON Patch operations: one list for each chunk that changes the value so far."""

    def __init__(self, spec: AnswerSpec[R], result: Callable[[], R], *, early: bool) -> None:
        self._result = result
        self._partials = Partials(spec, result, early=early)
        self._state = PatchState()

    def feed(self, chunk: LLMResponse) -> Iterable[list[Operation]]:
        return self._operations(self._partials.feed(chunk))

    def end(self) -> Iterable[list[Operation]]:
        self._partials.end()  # it decides which JSON counts, and so whether the source changes
        return self._operations((Partial(self._result()),))

    def _operations(self, partials: Iterable[Partial[R]]) -> Iterator[list[Operation]]:
        for partial in partials:
            if operations := self._state.update(underlying(partial), self._partials.source):
                yield operations

    def fail(self, error: Exception) -> Iterable[list[Operation]]:
        raise error


def elements_spec(spec: AnswerSpec[Any]) -> ArraySpec:
    """Return the spec of the list, tuple or set that is the answer.

    Raises:
        ConfigurationError: the type has no elements.
    """
    array = None if spec.output_type.is_text else spec.type_handler.array
    if array is None:
        raise ConfigurationError(
            f"the return type of a stream that is read with items() must be a list, tuple or set, "
            f"got {spec.output_type.text}"
        )
    return array


class Elements(Generic[T]):
    """Turns chunks into the elements of the answer, each when its last character has arrived.

    The first list with a valid element counts. A list before it may be ``[1]``, a citation.
    """

    _finder: JSONFinder
    _list: ElementsHandler | None  # the list that counts
    _invalid_list: ElementsHandler | None  # while none counts: the longest list whose elements are all invalid
    _candidates: list[ElementsHandler]  # lists that may become either
    _failure: InvalidElement | None  # the first invalid element; nothing after it is read

    def __init__(
        self, spec: AnswerSpec[Any], commit: Callable[[int], bool], errors: list[InvalidElement] | None = None
    ) -> None:
        """``commit`` commits to an attempt before its first element; it returns False if the attempt was abandoned.

        If there is a list of ``errors``, invalid elements are added to it and skipped.
        """
        self._array = elements_spec(spec)
        self._spec = spec
        self._commit = commit
        self._errors = errors
        self._attempt = 0

    def feed(self, chunk: LLMResponse) -> Iterable[T]:
        if chunk.attempt != self._attempt:
            self._start(chunk.attempt)
        if self._failure is None and (self._list is None or not self._list.has_ended):
            self._finder.feed(chunk.delta)
            if self._list is None:
                self._choose_list()
            elements = [] if self._list is None else self._take(self._list)
        else:
            elements = []
        return self._hand_out(elements) if elements or self._failure is not None else ()

    def _start(self, attempt: int) -> None:
        self._attempt = attempt
        self._finder = JSONFinder(
            self._new_parser, lambda value: isinstance(value, ElementsHandler) and value.may_count
        )
        self._list = self._invalid_list = self._failure = None
        self._candidates = []
        if self._errors is not None:
            self._errors.clear()

    def _new_parser(self) -> IncrementalParser:
        collect, output_type = self._errors is not None, self._spec.output_type
        handler = ElementsHandler(self._array, output_type.text, collect=collect)
        if self._list is None:
            self._candidates.append(handler)
        return IncrementalParser(RootHandler(handler, handler.read) if output_type.is_wrapped else handler)

    def _choose_list(self) -> None:
        for candidate in self._candidates:
            if candidate.values:
                self._list = candidate
                self._candidates.clear()
                return
            if candidate.errors and (self._invalid_list is None or candidate.size > self._invalid_list.size):
                self._invalid_list = candidate
        del self._candidates[:-1]  # only the last one is open; without this, many "[1]" would cost quadratic time

    def _take(self, handler: ElementsHandler) -> list[T]:
        """Take the new elements out of a list, and its errors."""
        values, handler.values = handler.values, []
        if handler.errors:
            errors, handler.errors = handler.errors, []
            if self._errors is not None:
                self._errors += errors
            else:
                self._failure = errors[0]
        return values

    def _hand_out(self, elements: list[T]) -> Iterator[T]:
        if self._commit(self._attempt):
            yield from elements
            if self._failure is not None:
                raise self._failure

    def end(self) -> Iterable[T]:
        return ()

    def fail(self, error: Exception) -> Iterable[T]:
        """Raise the error of the first invalid element instead; return nothing if such errors are collected."""
        if not isinstance(error, OutputError) or isinstance(error, InvalidElement) or not self._attempt:
            raise error
        if self._list is None and self._invalid_list is not None:
            self._take(self._invalid_list)
        if self._errors:
            return ()
        raise (self._failure or error) from (error if self._failure else None)


class Events(Generic[R]):
    """Turns chunks into all events of the answer, in order."""

    _finder: JSONFinder | None  # None for plain text

    def __init__(self, spec: AnswerSpec[R], result: Callable[[], R], last: Callable[[], LLMResponse]) -> None:
        """``last`` returns the complete response."""
        self._spec = spec
        self._result = result
        self._last = last
        self._attempt = 0
        self._finder = None
        self._reported: IncrementalParser | None = None  # the parser whose events were yielded
        self._usage: Usage | None = None

    def feed(self, chunk: LLMResponse) -> Iterable[Event[R]]:
        events: list[Event[R]] = []
        if chunk.attempt != self._attempt:
            if chunk.attempt > 1:
                events.append(Restarted(chunk.restart_reason, chunk.attempt))
            self._start(chunk.attempt)
        if chunk.reasoning:
            events.append(ReasoningDelta(chunk.reasoning))
        if chunk.delta:
            events.append(TextDelta(chunk.delta))
            if self._finder is not None:
                self._finder.feed(chunk.delta)
                events += self._field_events(self._finder, is_certain=self._finder.certain)
        events += map(ToolCalled, chunk.tool_calls)
        return events + self._usage_events(chunk.usage)

    def _start(self, attempt: int) -> None:
        self._attempt = attempt
        self._finder = self._reported = None
        if not self._spec.output_type.is_text:
            root = self._spec.root
            self._finder = JSONFinder(lambda: IncrementalParser(root, listener=FieldListener()), is_valid)

    def _field_events(self, finder: JSONFinder, *, is_certain: bool) -> list[Event[R]]:
        parser, reported = finder.parser, self._reported
        if reported is not None and reported.complete and is_valid(reported.value) and not is_certain:
            parser = reported  # a valid answer is withdrawn only for one that is certain, so it is reported once
        events: list[Event[R]] = []
        if reported is not None and (reported is not parser or reported.listener is None):  # None: it is broken
            events.append(Restarted(_NOT_THE_ANSWER, self._attempt))
            self._reported = None
        listener = cast("FieldListener | None", parser.listener if parser else None)
        if listener is not None and listener.events:
            self._reported = parser
            events += listener.events
            listener.events = []
        return events

    def _usage_events(self, usage: Usage | None) -> list[Event[R]]:
        if usage is None or usage == self._usage:  # some providers repeat it with each chunk
            return []
        self._usage = usage
        return [UsageReported(usage)]

    def end(self) -> Iterable[Event[R]]:
        last = self._last()
        events: list[Event[R]] = []
        if self._finder is not None:
            self._finder.end()
            events += self._field_events(self._finder, is_certain=True)
        return [*events, *self._usage_events(last.usage), Finished(self._result(), last.finish_reason, last.usage)]

    def fail(self, error: Exception) -> Iterable[Event[R]]:
        raise error
