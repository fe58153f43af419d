"""Ways to look at a stream of chunks: as the value so far, as what changes in it, as elements, as events. One look is one reader's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ...errors import InvalidElement, OutputError
from ...messages import LLMResponse, Usage
from ..types.root import AnswerSpec
from ..types.values import Partial, underlying
from .events import (
    Event,
    Finished,
    ReasoningDelta,
    Restarted,
    TextDelta,
    ToolCalled,
    UsageReported,
)
from .patch_state import PatchState
from .patches import Operation
from .readers import ElementReader, FieldReader, PartialReader

R = TypeVar("R")
T = TypeVar("T")

_NOT_IT = "the JSON so far turned out not to be the answer"


class Partials(Generic[R]):
    """Looks at an answer as the value so far: one for each chunk that has text, once there is something."""

    def __init__(self, spec: AnswerSpec[R], result: Callable[[], R], *, early: bool) -> None:
        self._spec = spec
        self._result = result
        self._early = early
        self._attempt = 0

    def feed(self, chunk: LLMResponse) -> Iterable[Partial[R]]:
        if chunk.attempt != self._attempt:
            self._attempt = chunk.attempt
            self._reader = PartialReader[R](self._spec, early=self._early)
        if not chunk.delta:
            return ()
        partial = self._reader.feed(chunk.delta)
        return () if partial is None else (partial,)

    @property
    def source(self) -> object:
        """What the last one was read from: another with each attempt, and where other JSON took the place of the first."""
        return self._reader.source if self._attempt else None

    def end(self) -> Iterable[Partial[R]]:
        last = self._reader.end(self._result()) if self._attempt else Partial[R](self._result())
        return () if last is None else (last,)

    def fail(self, error: Exception) -> Iterable[Partial[R]]:
        raise error


class Patches(Generic[R]):
    """Looks at an answer as what changes in its JSON: one list of operations for each chunk that changes it."""

    def __init__(self, spec: AnswerSpec[R], result: Callable[[], R], *, early: bool) -> None:
        self._result = result
        self._partials = Partials(spec, result, early=early)
        self._json = PatchState()

    def feed(self, chunk: LLMResponse) -> Iterable[list[Operation]]:
        return self._changed(self._partials.feed(chunk))

    def end(self) -> Iterable[list[Operation]]:
        self._partials.end()  # that settles what the answer is read from
        return self._changed((Partial(self._result()),))

    def _changed(self, partials: Iterable[Partial[R]]) -> Iterator[list[Operation]]:
        for partial in partials:
            if operations := self._json.become(underlying(partial), self._partials.source):
                yield operations

    def fail(self, error: Exception) -> Iterable[list[Operation]]:
        raise error


class Elements(Generic[T]):
    """Looks at an answer as its elements, each handed out when it is whole."""

    def __init__(
        self, spec: AnswerSpec[Any], commit: Callable[[int], bool], flaws: list[InvalidElement] | None = None
    ) -> None:
        """``commit`` asks whether elements of an attempt may be handed out.

        Where there is a list for ``flaws``, elements that do not fit are put there, and passed over.
        """
        self._spec = spec
        self._commit = commit
        self._flaws = flaws
        self._attempt = 0

    def feed(self, chunk: LLMResponse) -> Iterable[T]:
        if chunk.attempt != self._attempt:
            self._attempt = chunk.attempt
            self._reader = ElementReader[T](self._spec, collect=self._flaws is not None)
        new = self._reader.feed(chunk.delta)
        self._collect()
        if not new and self._reader.failure is None:
            return ()
        return self._hand_out(new)

    def _hand_out(self, new: list[T]) -> Iterator[T]:
        if self._commit(self._attempt):
            yield from new
            if self._reader.failure is not None:
                raise self._reader.failure

    def _collect(self) -> None:
        if self._flaws is not None and len(self._flaws) != len(self._reader.flaws):
            self._flaws[:] = self._reader.flaws

    def end(self) -> Iterable[T]:
        return ()

    def fail(self, error: Exception) -> Iterable[T]:
        """Name the element that is to blame; where such are collected, there is nothing to say."""
        if not isinstance(error, OutputError) or isinstance(error, InvalidElement) or not self._attempt:
            raise error
        blamed = self._reader.end()
        self._collect()
        if self._flaws:
            return ()
        raise (blamed or error) from (error if blamed else None)


class Events(Generic[R]):
    """Looks at an answer as all that happens in it, in order."""

    def __init__(self, spec: AnswerSpec[R], result: Callable[[], R], last: Callable[[], LLMResponse]) -> None:
        """``last`` gives the answer itself, when it is whole."""
        self._spec = spec
        self._result = result
        self._last = last
        self._attempt = 0
        self._fields: FieldReader | None = None
        self._usage: Usage | None = None

    def feed(self, chunk: LLMResponse) -> Iterable[Event[R]]:
        events: list[Event[R]] = []
        if chunk.attempt != self._attempt:
            if chunk.attempt > 1:
                events.append(Restarted(chunk.restart_reason, chunk.attempt))
            self._attempt = chunk.attempt
            self._fields = None if self._spec.output_type.is_text else FieldReader(self._spec)
        if chunk.reasoning:
            events.append(ReasoningDelta(chunk.reasoning))
        if chunk.delta:
            events.append(TextDelta(chunk.delta))
            if self._fields is not None:
                events += self._told(*self._fields.feed(chunk.delta))
        events += map(ToolCalled, chunk.tool_calls)
        return events + self._used(chunk.usage)

    def _told(self, is_taken_back: bool, fields: Iterable[Event[R]]) -> list[Event[R]]:
        return [*([Restarted(_NOT_IT, self._attempt)] if is_taken_back else []), *fields]

    def _used(self, usage: Usage | None) -> list[Event[R]]:
        if usage is None or usage == self._usage:
            return []
        self._usage = usage
        return [UsageReported(usage)]

    def end(self) -> Iterable[Event[R]]:
        last = self._last()
        events: list[Event[R]] = [] if self._fields is None else self._told(*self._fields.end())
        return [*events, *self._used(last.usage), Finished(self._result(), last.finish_reason, last.usage)]

    def fail(self, error: Exception) -> Iterable[Event[R]]:
        raise error
