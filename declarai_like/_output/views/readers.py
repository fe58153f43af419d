"""Readers of a typed answer that is being written: the value so far, what happens to its parts, or its elements."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar, cast

from ...errors import ConfigurationError, InvalidElement
from ...messages import ResponseText
from ..incremental import ABSENT, ContainerBuilder, IncrementalParser, JSONFinder, TextSoFar
from ..incremental.plain import word_so_far
from ..types.elements import ElementsHandler
from ..types.root import AnswerSpec, RootBuilder, RootHandler
from ..types.values import Partial, StreamState, is_valid, shown_value
from .field_listener import FieldEvent, FieldListener

R = TypeVar("R")
T = TypeVar("T")


class PartialReader(Generic[R]):
    """Reads an answer of type ``R`` as it grows, and gives the value so far."""

    def __init__(self, spec: AnswerSpec[R] | Any, *, early: bool = False) -> None:
        """``early`` shows numbers and literals before they are complete."""
        self._spec: AnswerSpec[R] = spec if isinstance(spec, AnswerSpec) else AnswerSpec(spec)
        self._word = word_so_far if early else None
        self._text = ResponseText() if self._spec.output_type.is_text else None
        self._search = JSONFinder(lambda: IncrementalParser(self._spec.root), is_valid)

    @property
    def source(self) -> object:
        """What the value so far is read from. It is another one where the JSON so far turned out not to be the answer."""
        return self if self._text is not None else self._search.parser

    def feed(self, text: str) -> Partial[R] | None:
        """Read on, and give the value so far; None where there is nothing yet."""
        if self._text is not None:
            self._text.pieces.append(text)
            self._text.length += len(text)
            return Partial(TextSoFar(self._text)) if self._text.length else None
        self._search.feed(text)
        parser = self._search.parser
        if parser is None:
            return None
        snapshot, path = parser.snapshot(word=self._word), parser.path
        if len(path) > 1 and self._is_there(path[0]):
            return Partial(snapshot)
        value = shown_value(snapshot.build())
        return None if value is ABSENT else self._partial(value)

    def _is_there(self, top: ContainerBuilder) -> bool:
        """Whether there is something to be seen for certain, where something is open in the top."""
        return not self._spec.hides and (top.has_begun if isinstance(top, RootBuilder) else True)

    def end(self, result: R) -> Partial[R] | None:
        """Give the last partial, where it is not what `feed` gave last.

        What a small model says in words, ``The answer is 5``, can be read only when it is whole.
        """
        if self._text is not None:
            return None
        shown = self._search.parser if self._search.found else None
        self._search.end()
        if not self._search.found:
            return self._partial(result, state="complete")
        return None if self._search.parser is shown else self._partial(self._search.so_far())

    def _partial(self, value: Any, *, state: Literal["incomplete", "complete"] = "incomplete") -> Partial[R]:
        if self._spec.inner.is_state:
            value = StreamState[Any](value, "complete" if self._search.found else state)
        return Partial(value)


class FieldReader:
    """Reads an answer as it grows, and tells what happens to its values.

    An answer that was found is taken back only for one that is certain, so it is told once.
    """

    def __init__(self, spec: AnswerSpec[Any] | Any) -> None:
        place = (spec if isinstance(spec, AnswerSpec) else AnswerSpec[Any](spec)).root
        self._search = JSONFinder(lambda: IncrementalParser(place, listener=FieldListener()), is_valid)
        self._told: IncrementalParser | None = None  # whose events have been given

    def feed(self, text: str) -> tuple[bool, list[FieldEvent]]:
        """Read on; say whether all that was told is taken back, and then what happened."""
        self._search.feed(text)
        return self._tell(is_certain=self._search.certain)

    def end(self) -> tuple[bool, list[FieldEvent]]:
        """Say that no more text comes, as `feed`."""
        self._search.end()
        return self._tell(is_certain=True)

    def _tell(self, *, is_certain: bool) -> tuple[bool, list[FieldEvent]]:
        parser, told = self._search.parser, self._told
        if told is not None and told.complete and is_valid(told.value) and not is_certain:
            parser = told
        is_taken_back = told is not None and (told is not parser or told.listener is None)  # or it is broken
        if is_taken_back:
            self._told = None
        listener = cast("FieldListener | None", parser.listener if parser else None)
        if listener is None or not listener.events:
            return is_taken_back, []
        self._told = parser
        events, listener.events = listener.events, []
        return is_taken_back, events


class ElementReader(Generic[T]):
    """Reads a list as it grows, and gives each element, validated, when its last character is in.

    The first list with an element that fits is the one that counts.

    Attributes:
        failure: the first element that does not fit, where others have been given. What follows is not read.
        flaws: with ``collect``, each element that does not fit.
    """

    def __init__(self, spec: AnswerSpec[Any] | Any, *, collect: bool = False) -> None:
        """``collect`` passes over elements that do not fit.

        Raises:
            ConfigurationError: the type is no list.
        """
        self._spec: AnswerSpec[Any] = spec if isinstance(spec, AnswerSpec) else AnswerSpec(spec)
        array = None if self._spec.output_type.is_text else self._spec.inner.array
        if array is None:
            raise ConfigurationError(
                f"elements can be read of a list, tuple or set, and the answer is a {self._spec.output_type.text}"
            )
        self.failure: InvalidElement | None = None
        self.flaws: list[InvalidElement] = []
        self._array = array
        self._collects = collect
        self._list: ElementsHandler | None = None  # the one that counts
        self._flawed: ElementsHandler | None = (
            None  # as long as there is none: the longest with elements that do not fit
        )
        self._begun: list[ElementsHandler] = []  # those that may have become either
        self._search = JSONFinder(self._begin, lambda value: isinstance(value, ElementsHandler) and value.fits)

    @property
    def has_given(self) -> bool:
        """Whether an element has been handed out."""
        return self._list is not None

    def feed(self, text: str) -> list[T]:
        """Read on, and give the elements that are complete now."""
        if self.failure is not None or (self._list is not None and self._list.has_ended):
            return []
        self._search.feed(text)
        if self._list is None:
            self._choose()
        return [] if self._list is None else self._take(self._list)

    def end(self) -> InvalidElement | None:
        """Say that the answer has ended and does not fit; give the element that is to blame."""
        if self._list is None and self._flawed is not None:
            self._take(self._flawed)
        return self.failure

    def _begin(self) -> IncrementalParser:
        elements = ElementsHandler(self._array, self._spec.output_type.text, collect=self._collects)
        if self._list is None:
            self._begun.append(elements)
        return IncrementalParser(
            RootHandler(elements, elements.read) if self._spec.output_type.is_wrapped else elements
        )

    def _choose(self) -> None:
        for elements in self._begun:
            if elements.values:
                self._list = elements
                self._begun.clear()
                return
            if elements.flaws and (self._flawed is None or elements.size > self._flawed.size):
                self._flawed = elements
        del self._begun[:-1]  # only the last one is open

    def _take(self, elements: ElementsHandler) -> list[T]:
        values, elements.values = elements.values, []
        if elements.flaws:
            flaws, elements.flaws = elements.flaws, []
            if self._collects:
                self.flaws += flaws
            else:
                self.failure = flaws[0]
        return values
