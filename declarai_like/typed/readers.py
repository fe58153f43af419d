"""Readers of a typed answer that is being written: the value so far, or its elements one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ..errors import Attempt, ConfigurationError, InvalidElement
from ..messages import Transcript
from ..partial import ABSENT, Node, Place, Search, TextSoFar, Walker, Watcher
from ..partial.plain import word_so_far
from ..prompt import Shape, explain
from .nodes import RootNode
from .places import ArrayPlan, Compiler, RootPlace, TypedPlace
from .schemas import Schemas
from .values import Misfit, Partial, visible
from .watcher import FieldEvent, FieldWatcher

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
R = TypeVar("R")


class Plan(Generic[R]):
    """How an answer of one type is read while it comes. Compiled when it is first used."""

    def __init__(self, shape: Shape[R] | Any) -> None:
        self.shape: Shape[R] = shape if isinstance(shape, Shape) else Shape(shape)

    @cached_property
    def inner(self) -> TypedPlace:
        """The place of the answer's own type."""
        schemas = Schemas(self.shape.core_schema)
        return Compiler(schemas).place(schemas.root, {})

    @cached_property
    def hides(self) -> bool:
        """Whether something that has come may still have to be hidden."""
        return self.inner.may_hide

    @cached_property
    def root(self) -> TypedPlace | RootPlace:
        """The place of the answer as it is asked for."""
        return RootPlace(self.inner) if self.shape.is_wrapped else self.inner


class PartialReader(Generic[R]):
    """Reads an answer of type ``R`` as it grows, and gives the value so far."""

    def __init__(self, plan: Plan[R] | Any, *, early: bool = False) -> None:
        """``early`` shows numbers and literals before they are complete."""
        self._plan: Plan[R] = plan if isinstance(plan, Plan) else Plan(plan)
        self._word = word_so_far if early else None
        self._text = Transcript() if self._plan.shape.is_text else None
        self._search = Search(lambda: Walker(self._plan.root), fits)

    def feed(self, text: str) -> Partial[R] | None:
        """Read on, and give the value so far; None where there is nothing yet."""
        if self._text is not None:
            self._text.pieces.append(text)
            self._text.length += len(text)
            return Partial(TextSoFar(self._text)) if self._text.length else None
        self._search.feed(text)
        walker = self._search.walker
        if walker is None:
            return None
        snapshot = walker.snapshot(word=self._word)
        if self._is_there(walker.path):
            return Partial(snapshot)
        value = visible(snapshot.build())
        return None if value is ABSENT else Partial(value)

    def _is_there(self, path: Sequence[Node]) -> bool:
        """Whether there is something to be seen for certain: something is open inside the answer."""
        if len(path) < 2 or self._plan.hides:
            return False
        return path[0].begun if isinstance(path[0], RootNode) else True

    def end(self, result: R) -> Partial[R] | None:
        """Give the last partial, where it is not what `feed` gave last.

        What a small model says in words, ``The answer is 5``, can be read only when it is whole.
        """
        if self._text is not None:
            return None
        was_found = self._search.found
        self._search.end()
        return None if was_found and self._search.found else Partial(result)


class FieldReader:
    """Reads an answer as it grows, and tells what happens to its values."""

    def __init__(self, plan: Plan[Any]) -> None:
        self._search = Search(lambda: Walker(plan.root, watcher=FieldWatcher()), fits)
        self._told: Watcher | None = None  # whose events have been given

    def feed(self, text: str) -> tuple[bool, list[FieldEvent]]:
        """Read on; say whether all that was told is taken back, and then what happened."""
        self._search.feed(text)
        return self._tell()

    def end(self) -> tuple[bool, list[FieldEvent]]:
        """Say that no more text comes, as `feed`."""
        self._search.end()
        return self._tell()

    def _tell(self) -> tuple[bool, list[FieldEvent]]:
        walker = self._search.walker
        watcher = cast("FieldWatcher | None", walker.watcher if walker else None)
        is_taken_back = self._told is not None and self._told is not watcher
        if is_taken_back:
            self._told = None
        if watcher is None or not watcher.events:
            return is_taken_back, []
        self._told = watcher
        events, watcher.events = watcher.events, []
        return is_taken_back, events


class ElementReader(Generic[T]):
    """Reads a list as it grows, and gives each element, validated, when its last character is in.

    The first list with an element that fits is the one that counts.

    Attributes:
        failure: the first element that does not fit, where others have been given. What follows is not read.
        flaws: with ``collect``, each element that does not fit.
    """

    def __init__(self, plan: Plan[Any] | Any, *, collect: bool = False) -> None:
        """``collect`` passes over elements that do not fit.

        Raises:
            ConfigurationError: the type is no list.
        """
        self._plan: Plan[Any] = plan if isinstance(plan, Plan) else Plan(plan)
        array = None if self._plan.shape.is_text else self._plan.inner.array
        if array is None:
            raise ConfigurationError(
                f"elements can be read of a list, tuple or set, and the answer is a {self._plan.shape.text}"
            )
        self.failure: InvalidElement | None = None
        self.flaws: list[InvalidElement] = []
        self._array = array
        self._collects = collect
        self._lists: list[_Elements] = []  # of which none has given anything yet
        self._list: _Elements | None = None  # the one that has
        self._search = Search(self._begin, lambda value: isinstance(value, _Elements) and value.fits)

    @property
    def has_given(self) -> bool:
        """Whether an element has been handed out."""
        return self._list is not None

    def feed(self, text: str) -> list[T]:
        """Read on, and give the elements that are complete now."""
        if self.failure is not None:
            return []
        self._search.feed(text)
        if self._list is None:
            self._list = next((elements for elements in self._lists if elements.values), None)
            if self._list is None:
                return []
        return self._take(self._list)

    def end(self) -> InvalidElement | None:
        """Say that the answer has ended; give the element that is to blame where it did not fit."""
        if self._list is None:
            flawed = next((elements for elements in self._lists if elements.flaws), None)
            if flawed is not None:
                self._take(flawed)
        return self.failure

    def _begin(self) -> Walker:
        elements = _Elements(self._array, self._plan.shape.text, collect=self._collects)
        if self._list is None:
            self._lists.append(elements)
        return Walker(RootPlace(elements) if self._plan.shape.is_wrapped else elements)

    def _take(self, elements: _Elements) -> list[T]:
        values, elements.values = elements.values, []
        if elements.flaws:
            flaws, elements.flaws = elements.flaws, []
            if self._collects:
                self.flaws += flaws
            else:
                self.failure = flaws[0]
        return values


class _Elements:
    """A list whose elements are taken one by one: its place and its node."""

    grows = False

    def __init__(self, array: ArrayPlan, of: str, *, collect: bool) -> None:
        self.step: Any = -1
        self.values: list[Any] = []
        self.flaws: list[InvalidElement] = []
        self.fits = True
        self._array = array
        self._of = of
        self._collects = collect

    def open(self, first: str) -> Self | None:
        return self if first == "[" else None

    def string(self, text: str) -> Any:
        raise AssertionError("no string grows here")

    def whole(self, text: str) -> Any:
        return ABSENT

    def place(self, key: str | None) -> Place:
        self.step += 1
        return _AS_TEXT

    def put(self, value: str) -> None:
        if self.flaws and not self._collects:
            return
        from pydantic_core import ValidationError

        try:
            self.values.append(self._array.item(self.step).check(value))
            self.fits = True
        except ValidationError as error:
            self.fits = bool(self.values)
            reason = explain(error)
            self.flaws.append(
                InvalidElement(
                    f"element {self.step} of a {self._of} does not fit:\n{reason}",
                    index=self.step,
                    attempts=(Attempt(value, reason),),
                )
            )

    def view(self) -> Callable[[Any], Any]:
        return _nothing

    def close(self, text: Callable[[], str]) -> Self:
        return self


def _nothing(_: Any) -> Any:
    return ABSENT


class _AsText:
    """The place of what is handed on as JSON text."""

    grows = False

    def open(self, first: str) -> None:
        return None

    def string(self, text: str) -> Any:
        raise AssertionError("no string grows here")

    def whole(self, text: str) -> str:
        return text


_AS_TEXT = _AsText()


def fits(value: Any) -> bool:
    """Whether a value is one of the type."""
    return value is not ABSENT and not isinstance(value, Misfit)
