"""The state of an application: immutable values by name.

A method that changes a state returns a new one, and the old one stays as it was. Appending to a list does not copy it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast

from ..._core import checks
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
    """An immutable mapping of values by name; each method that changes something returns a new state.

    Values are frozen when they are stored: lists and dicts become immutable, with all values in them, and sets become
    frozensets. They equal the originals, and can be read, copied and written as JSON like them. Objects of other
    classes are stored as they are: a change of such an object shows in each state that holds it.

    Args:
        values: a mapping of str to values; or a state.
        typing_system: makes `data`, for instance `PydanticTypingSystem`.

    Raises:
        StateError: the values are not a mapping with keys of type str; or a value contains itself, or is nested too
            deeply; or this is not a typing system. The methods that take these raise it as well.
        MissingKey: of ``state[key]``: the state does not have this key.
    """

    __slots__ = ("_data", "_typing_system", "_values")

    _values: dict[str, Any]
    _typing_system: TypingSystem[S_co] | None
    _data: Any

    def __init__(
        self, values: Mapping[str, Any] | None = None, typing_system: TypingSystem[S_co] | None = None
    ) -> None:
        if typing_system is not None and not hasattr(typing_system, "construct_data"):
            raise checks.wrong_type(
                "typing_system",
                "an object with a method construct_data(state)",
                typing_system,
                "for a pydantic model use PydanticTypingSystem(Model)",
                error=StateError,
            )
        if isinstance(values, State):
            state: State[Any] = values  # pyright: ignore[reportUnknownVariableType]  (of anything)
            _fill(self, _values_of(state), state.typing_system if typing_system is None else typing_system)
            return
        if values is not None:
            checks.mapping("the values of a state", values, of="str to values", error=StateError)
        _fill(self, _frozen(values or {}), typing_system)

    # Reading

    def __getitem__(self, key: str) -> Any:
        try:
            value = self._values[key]
        except KeyError:
            raise _missing_key(key, self._values) from None
        return value.view() if type(value) is SharedList else value

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the value of a key, or the default if the state does not have it."""
        return self[key] if key in self._values else default

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get_all(self) -> dict[str, Any]:
        """Return all values in a new dict."""
        return {key: self[key] for key in self._values}

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.get_all() == dict(other) if isinstance(other, Mapping) else NotImplemented  # pyright: ignore[reportUnknownArgumentType]  (of anything)

    __hash__ = None  # type: ignore[assignment]  # its values need not be hashable

    def __repr__(self) -> str:
        return f"State({{{', '.join(f'{key!r}: {_SHORT.repr(self[key])}' for key in self._values)}}})"

    # Changing: a new state each time

    def update(self, /, **values: Any) -> State[S_co]:
        """Return a state in which these values are added, or replace those of the same name."""
        return self._with({**self._values, **_frozen(values)})

    def merge(self, other: Mapping[str, Any], /) -> State[S_co]:
        """Return a state with the values of both; for a key in both, the other's value."""
        return self._with({**self._values, **_values_of(State(other))})

    def append(self, /, **values: Any) -> State[S_co]:
        """Return a state in which each value is appended to the list of that name.

        A missing list is created. The time does not depend on the length of the list.

        Raises:
            StateError: the present value is not a list.
        """
        return self._appended("append", {key: (value,) for key, value in _frozen(values).items()})

    def extend(self, /, **values: Iterable[Any]) -> State[S_co]:
        """Return a state in which all of these values are appended to the list of that name.

        A missing list is created. The time does not depend on the length of the list.

        Raises:
            StateError: the present value is not a list; or the argument is not an iterable, or is a str, bytes or a
                mapping, whose items are rarely meant.
        """
        for key, value in values.items():
            if isinstance(value, _NOT_EXTENSIONS) or not hasattr(value, "__iter__"):
                raise checks.wrong_type(
                    f"extend({key}=...)", "an iterable of values, such as a list", value, error=StateError
                )
        return self._appended("extend", _frozen({key: list(value) for key, value in values.items()}))

    def increment(self, /, **by: int) -> State[S_co]:
        """Return a state in which these integers are added; a missing value counts as 0.

        Raises:
            StateError: the present value or the argument is not an integer.
        """
        changed = self._values.copy()
        for key, number in by.items():
            before = changed.get(key, 0)
            for value, what in ((before, "its value"), (number, "the argument")):
                if not isinstance(value, int) or isinstance(value, bool):
                    raise StateError(f"cannot increment {key!r}: {what} is not an integer ({_described(value)})")
            changed[key] = before + number
        return self._with(changed)

    def wipe(self, *, delete: Collection[str] | None = None, keep: Collection[str] | None = None) -> State[S_co]:
        """Return a state without the keys to delete, or with only the keys to keep; without both, an empty one.

        Raises:
            StateError: both are given.
        """
        if delete is not None and keep is not None:
            raise StateError("wipe() must have either delete or keep, not both")
        if delete is not None:
            deleted = _names(delete)
            return self._with({key: value for key, value in self._values.items() if key not in deleted})
        kept = _names(keep or ())
        return self._with({key: value for key, value in self._values.items() if key in kept})

    def subset(self, *keys: str | Collection[str], ignore_missing: bool = True) -> State[S_co]:
        """Return a state with only these keys; missing ones are left out.

        Raises:
            MissingKey: a key is missing, and ``ignore_missing`` is False.
        """
        names = [name for key in keys for name in _names(key)]
        missing = [name for name in names if name not in self._values]
        if missing and not ignore_missing:
            raise _missing_key(missing[0], self._values)
        return self._with({name: self._values[name] for name in names if name in self._values})

    # As a typed object

    @property
    def typing_system(self) -> TypingSystem[S_co] | None:
        """The object that makes `data`; None without one."""
        return self._typing_system

    def with_typing_system(self, typing_system: TypingSystem[T], /) -> State[T]:
        """Return a state with the same values and another typing system."""
        return State(self, typing_system)

    @property
    def data(self) -> S_co:
        """The values as an object of the typing system, made on first use; without a typing system, this state.

        It is made of copies, so changing it does not change the state.

        Raises:
            StateError: the values do not fit the model of a `PydanticTypingSystem`.
        """
        if self._data is None:
            _set_data(self, self if self._typing_system is None else self._typing_system.construct_data(self))
        return cast("S_co", self._data)

    # As JSON, and in other processes

    def serialize(self, serde: Serde = DEFAULT, **kwargs: Any) -> dict[str, Any]:
        """Return the values in a form that JSON can hold; `State.deserialize` returns an equal state.

        Args:
            serde: has the registered classes and fields.
            kwargs: passed to the functions of registered fields.

        Raises:
            StateError: a value cannot be saved; the message names its field.
        """
        return serde.serialize(self, **kwargs)

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], serde: Serde = DEFAULT, **kwargs: Any) -> State:
        """Return the state of data that `serialize` returned. It has no typing system.

        Raises:
            StateError: it is other data, or a class or a field's functions are not registered here.
        """
        return State(serde.deserialize(data, **kwargs))

    register_field_serde = staticmethod(register_field_serde)

    # Pickle would set the slots, which __setattr__ forbids, and a shared list has a lock, which cannot be pickled.
    def __reduce__(self) -> tuple[Any, ...]:
        return State, (self.get_all(), self._typing_system)

    # Immutability

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a state is immutable; state.update({name}=...) returns a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a state is immutable; state.wipe(delete=[{name!r}]) returns a new one")

    def _with(self, values: dict[str, Any]) -> State[S_co]:
        """Return a state of values that are frozen already."""
        state: State[S_co] = State.__new__(State)
        _fill(state, values, self._typing_system)
        return state

    def _appended(self, verb: str, additions: Mapping[str, Sequence[Any]]) -> State[S_co]:
        changed = self._values.copy()
        for key in additions:  # all checks first: an append in place must not happen for a call that fails
            before = changed.setdefault(key, _EMPTY)
            if type(before) is not SharedList and type(before) is not FrozenList:
                target = f"append to {key!r}" if verb == "append" else f"extend {key!r}"
                raise StateError(f"cannot {target}: its value is not a list ({_described(before)})")
        for key, values in additions.items():
            before = changed[key]
            shared = before if type(before) is SharedList else SharedList(list(before))
            changed[key] = shared.appended(values)
        return self._with(changed)


# The slots are set through their descriptors, since __setattr__ raises.
_set_values: Any = vars(State)["_values"].__set__
_set_typing_system: Any = vars(State)["_typing_system"].__set__
_set_data: Any = vars(State)["_data"].__set__

_EMPTY = FrozenList()
_NOT_EXTENSIONS: tuple[type[Any], ...] = (str, bytes, Mapping)


def _fill(state: State[Any], values: dict[str, Any], typing_system: TypingSystem[Any] | None) -> None:
    _set_values(state, values)
    _set_typing_system(state, typing_system)
    _set_data(state, None)


def _values_of(state: State[Any]) -> dict[str, Any]:
    """Return the stored values, with lists that are still shared."""
    return state._values  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (its own module)


def _frozen(values: Mapping[Any, Any]) -> dict[str, Any]:
    frozen: dict[str, Any] = {}
    for key, value in values.items():
        if type(key) is not str:
            checks.string("a key of a state", key, error=StateError)
        try:
            frozen[key] = freeze(value)
        except RecursionError:
            raise StateError(f"{key!r} cannot be in a state: it contains itself, or is nested too deeply") from None
    return frozen


def _missing_key(key: object, values: Collection[str]) -> MissingKey:
    present = f"it has {', '.join(map(repr, values))}" if values else "it is empty"
    return MissingKey(
        f"the state does not have the key {key!r}; {present}. An action that needs {key!r} must declare it "
        f"(reads=[{key!r}]), and an action before it, or the first state of the application, must set it"
    )


def _names(names: str | Collection[str]) -> Collection[str]:
    return (names,) if isinstance(names, str) else names


def _described(value: object) -> str:
    return f"{_SHORT.repr(value)}, {type(value).__name__}"


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.repr_FrozenList = self.repr_list
        self.repr_FrozenDict = self.repr_dict


_SHORT = _Short()
