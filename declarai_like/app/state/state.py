"""What an application knows between its steps: values by name, which nobody can change.

Whatever changes a state gives a new one, and the old one stays as it was, whoever still holds it. Lists that
grow are not copied for that.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast

from ...errors import MissingKey, StateError
from .frozen import FrozenList, freeze
from .serde import DEFAULT, Serde, register_class, register_field_serde
from .shared_list import SharedList

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    from .typed import TypingSystem

    S_co = TypeVarWithDefault("S_co", covariant=True, default=Any)
else:
    S_co = TypeVar("S_co", covariant=True)

T = TypeVar("T")

__all__ = ["State", "register_class", "register_field_serde"]


class State(Mapping[str, Any], Generic[S_co]):
    """Values by name, which cannot be changed; each method that changes something gives a new state.

    Values are frozen when they come in: lists and dicts become such that cannot be changed, with all that is
    in them, sets become frozensets. They are equal to what they were made of, and can be read, copied and
    written as JSON like it. Objects of other classes are kept as they are: whoever changes one, changes it in
    each state that holds it.

    Args:
        values: the values by name; or a state.
        typing_system: gives `data`, for instance `PydanticTypingSystem`.

    Raises:
        StateError: these are no values by name, or one of them holds itself or is nested too deeply; or this is no
            typing system. The methods that take these raise it as well.
        MissingKey: of ``state[key]``: there is no such key.
    """

    __slots__ = ("_data", "_typing_system", "_values")

    _values: dict[str, Any]
    _typing_system: TypingSystem[S_co] | None
    _data: Any

    def __init__(
        self, values: Mapping[str, Any] | None = None, typing_system: TypingSystem[S_co] | None = None
    ) -> None:
        if typing_system is not None and not hasattr(typing_system, "construct_data"):
            raise StateError(
                f"a typing system has a method construct_data(state), and {typing_system!r:.200} has none; "
                "that of a pydantic model is PydanticTypingSystem(Model)"
            )
        if isinstance(values, State):
            state: State[Any] = values  # pyright: ignore[reportUnknownVariableType]  (of anything)
            _fill(self, _inside(state), state.typing_system if typing_system is None else typing_system)
            return
        if values is not None and not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise StateError(f"a state is made of values by name, a dict; not of {_kind(values)}")
        _fill(self, _frozen(values or {}), typing_system)

    # Reading

    def __getitem__(self, key: str) -> Any:
        try:
            value = self._values[key]
        except KeyError:
            raise _missing(key, self._values) from None
        return value.view() if type(value) is SharedList else value

    def get(self, key: str, default: Any = None, /) -> Any:
        """Give the value of this name, or the default where there is none."""
        return self[key] if key in self._values else default

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get_all(self) -> dict[str, Any]:
        """Give all values, in a dict of your own."""
        return {key: self[key] for key in self._values}

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.get_all() == dict(other) if isinstance(other, Mapping) else NotImplemented  # pyright: ignore[reportUnknownArgumentType]  (of anything)

    __hash__ = None  # type: ignore[assignment]  # what is in it need not be hashable

    def __repr__(self) -> str:
        return f"State({{{', '.join(f'{key!r}: {_SHORT.repr(self[key])}' for key in self._values)}}})"

    # Changing: a new state each time

    def update(self, /, **values: Any) -> State[S_co]:
        """Give a state with these values in place of those of the same name, or beside the others."""
        return self._with({**self._values, **_frozen(values)})

    def merge(self, other: Mapping[str, Any], /) -> State[S_co]:
        """Give a state with the values of both; where both have one, it is the other's."""
        return self._with({**self._values, **_inside(State(other))})

    def append(self, /, **values: Any) -> State[S_co]:
        """Give a state in which each of these values is the last of the list of that name.

        A list that is not there begins. How long it is makes no difference.

        Raises:
            StateError: what is there is no list.
        """
        return self._appended("append", {key: (value,) for key, value in _frozen(values).items()})

    def extend(self, /, **values: Iterable[Any]) -> State[S_co]:
        """Give a state in which all of these values are at the end of the list of that name.

        A list that is not there begins. How long it is makes no difference.

        Raises:
            StateError: what is there is no list, or what is given is not several values.
        """
        for key, value in values.items():
            if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise StateError(f"{key!r} can be extended by several values, as in a list; not by {_kind(value)}")  # pyright: ignore[reportUnknownArgumentType]  (it is anything)
        return self._appended("extend", _frozen({key: list(value) for key, value in values.items()}))

    def increment(self, /, **by: int) -> State[S_co]:
        """Give a state in which these whole numbers are added; one that is not there begins at 0.

        Raises:
            StateError: what is there, or is given, is no whole number.
        """
        changed = self._values.copy()
        for key, number in by.items():
            before = changed.get(key, 0)
            for value in (before, number):
                if not isinstance(value, int) or isinstance(value, bool):
                    raise StateError(f"{key!r} cannot be incremented: {_kind(value)} is non-integer")
            changed[key] = before + number
        return self._with(changed)

    def wipe(self, *, delete: Collection[str] | None = None, keep: Collection[str] | None = None) -> State[S_co]:
        """Give a state without the names to delete, or with none but those to keep; an empty one without either.

        Raises:
            StateError: both are given.
        """
        if delete is not None and keep is not None:
            raise StateError("wipe() takes the names to delete, or those to keep; not both")
        if delete is not None:
            gone = _names(delete)
            return self._with({key: value for key, value in self._values.items() if key not in gone})
        kept = _names(keep or ())
        return self._with({key: value for key, value in self._values.items() if key in kept})

    def subset(self, *keys: str | Collection[str], ignore_missing: bool = True) -> State[S_co]:
        """Give a state with none but these names; those that are missing are left out.

        Raises:
            MissingKey: one is missing, and ``ignore_missing`` is False.
        """
        names = [name for key in keys for name in _names(key)]
        missing = [name for name in names if name not in self._values]
        if missing and not ignore_missing:
            raise _missing(missing[0], self._values)
        return self._with({name: self._values[name] for name in names if name in self._values})

    # As a typed object

    @property
    def typing_system(self) -> TypingSystem[S_co] | None:
        """What gives `data`."""
        return self._typing_system

    def with_typing_system(self, typing_system: TypingSystem[T], /) -> State[T]:
        """Give the same values with another typing system."""
        return State(self, typing_system)

    @property
    def data(self) -> S_co:
        """The values as an object of the typing system, made when first asked for; without one, this state.

        It is made of copies: what is changed in it does not change the state.

        Raises:
            StateError: the values do not fit the model of a `PydanticTypingSystem`.
        """
        if self._data is None:
            _set_data(self, self if self._typing_system is None else self._typing_system.construct_data(self))
        return cast("S_co", self._data)

    # As JSON, and in other processes

    def serialize(self, serde: Serde = DEFAULT, **kwargs: Any) -> dict[str, Any]:
        """Give the values as what JSON can hold; `State.deserialize` makes an equal state of it.

        Args:
            serde: knows the classes and fields that need help.
            kwargs: given to the functions that fields were registered with.

        Raises:
            StateError: a value cannot be saved; the message names its field.
        """
        return serde.serialize(self, **kwargs)

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], serde: Serde = DEFAULT, **kwargs: Any) -> State:
        """Give the state of what `serialize` gave. It has no typing system.

        Raises:
            StateError: `serialize` did not give this, or a class or a field's functions are not registered here.
        """
        return State(serde.deserialize(data, **kwargs))

    register_field_serde = staticmethod(register_field_serde)

    def __reduce__(self) -> tuple[Any, ...]:
        return State, (self.get_all(), self._typing_system)

    # It cannot be changed

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a state cannot be changed; a new one comes of state.update({name}=...)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a state cannot be changed; a new one comes of state.wipe(delete=[{name!r}])")

    def _with(self, values: dict[str, Any]) -> State[S_co]:
        made: State[S_co] = State.__new__(State)
        _fill(made, values, self._typing_system)
        return made

    def _appended(self, verb: str, additions: Mapping[str, Sequence[Any]]) -> State[S_co]:
        changed = self._values.copy()
        for key in additions:
            before = changed.setdefault(key, _NOTHING)
            if type(before) is not SharedList and type(before) is not FrozenList:
                able = "non-appendable" if verb == "append" else "non-extendable"
                raise StateError(f"{key!r} cannot be {verb}ed to: it is no list; {_kind(before)} is {able}")
        for key, values in additions.items():
            before = changed[key]
            growing = before if type(before) is SharedList else SharedList(list(before))
            changed[key] = growing.appended(values)
        return self._with(changed)


_set_values: Any = vars(State)["_values"].__set__
_set_typing_system: Any = vars(State)["_typing_system"].__set__
_set_data: Any = vars(State)["_data"].__set__

_NOTHING = FrozenList()


def _fill(state: State[Any], values: dict[str, Any], typing_system: TypingSystem[Any] | None) -> None:
    _set_values(state, values)
    _set_typing_system(state, typing_system)
    _set_data(state, None)


def _inside(state: State[Any]) -> dict[str, Any]:
    return state._values  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (its own module)


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    frozen: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (of a dict it may be anything)
            raise StateError(f"the names in a state are strings; {key!r} is {_kind(key)}")
        try:
            frozen[key] = freeze(value)
        except RecursionError:
            raise StateError(f"{key!r} cannot be in a state: it holds itself, or is nested too deeply") from None
    return frozen


def _missing(key: object, values: Collection[str]) -> MissingKey:
    there = f"it has {', '.join(map(repr, values))}" if values else "it is empty"
    return MissingKey(
        f"this state has no {key!r}; {there}. An action that needs {key!r} declares it (reads=[{key!r}]), "
        "and an action before it, or the application's first state, has to give it"
    )


def _names(names: str | Collection[str]) -> Collection[str]:
    return (names,) if isinstance(names, str) else names


def _kind(value: object) -> str:
    return f"{_SHORT.repr(value)} ({type(value).__name__})"


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.repr_FrozenList = self.repr_list
        self.repr_FrozenDict = self.repr_dict


_SHORT = _Short()
