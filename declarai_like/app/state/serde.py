"""Serialization of states as JSON: what is read equals what was saved, or an error names the field.

Saved data cannot choose what is imported or called: reading creates instances of registered classes only.
"""

from __future__ import annotations

import inspect
import json
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, TypeVar

from ..._core import checks
from ...errors import StateError
from .frozen import FrozenDict, FrozenList
from .kinds import CLASSES, KIND_KEY, VALUES, Unserializable, kind_of

T = TypeVar("T")

Serializer = Callable[..., dict[str, Any]]
Deserializer = Callable[..., Any]

_PLAIN = frozenset({NoneType, bool, int, str})
_LISTS: dict[Any, str | None] = {list: None, FrozenList: None, tuple: "tuple", set: "set", frozenset: "frozenset"}
_READ_LISTS: dict[str, Callable[[Iterable[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_READ_VALUES = {kind: read for kind, _, read in VALUES.values()}
_FIELD = "field"


class Serde:
    """A serializer of states to JSON, and back.

    Numbers, strings, lists, dicts, tuples and sets, ``bytes``, dates and times, ``Decimal`` and ``UUID`` are
    supported. The classes of enums, dataclasses, named tuples and pydantic models must be registered. For anything
    else, or for another JSON form, register functions for the field. The module's `register_class` and
    `register_field_serde` register for all instances, this one included.

    Args:
        types: the classes whose instances can be saved and read.

    Raises:
        StateError: one of the classes cannot be registered.
    """

    def __init__(self, types: Iterable[type] = ()) -> None:
        self._classes: dict[str, type] = {}
        self._fields: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {}
        for cls in types:
            self.register_class(cls)

    def register_class(self, cls: type[T]) -> type[T]:
        """Register an enum, a dataclass, a named tuple or a pydantic model. Use it as a function or as a decorator.

        Raises:
            StateError: the class is not one of these.
        """
        expected = "the class of an enum, a dataclass, a named tuple or a pydantic model"
        hint = "for other values use register_field_serde(...)"
        if kind_of(checks.instance("a registered class", cls, type, expected, hint=hint, error=StateError)) is None:
            raise checks.wrong_type("a registered class", expected, cls, hint, error=StateError)
        self._classes[_path(cls)] = cls
        return cls

    def register_field_serde(self, name: str, serializer: Serializer, deserializer: Deserializer) -> None:
        """Register two functions for a field, which write and read it.

        Args:
            name: the key in the state.
            serializer: is called as ``serializer(value, **kwargs)``, and returns a dict.
            deserializer: is called as ``deserializer(data, **kwargs)`` with that dict, and returns the value.

        Raises:
            StateError: one of them does not take ``**kwargs``.
        """
        for role, function in (("serializer", serializer), ("deserializer", deserializer)):
            if not _takes_any_keyword(function):
                raise StateError(
                    f"the {role} of the field {name!r} must take **kwargs, for instance def {role}(value, **kwargs)"
                )
        self._fields[name] = (serializer, deserializer)

    def serialize(self, values: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Return the values in a form that JSON can hold.

        Raises:
            StateError: one of them cannot be saved; the message names its field.
        """
        return {
            name: _naming_field(name, "saved", self._write_field, name, value, kwargs) for name, value in values.items()
        }

    def deserialize(self, data: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Return the values of data that `serialize` returned.

        Raises:
            StateError: it is other data, or a class or a field's functions are not registered here.
        """
        checks.mapping("the data of a state", data, error=StateError)  # it may come from a file
        return {
            name: _naming_field(name, "read", self._read_field, name, value, kwargs) for name, value in data.items()
        }

    # One field

    def _write_field(self, name: str, value: Any, kwargs: dict[str, Any]) -> Any:
        functions = self._fields.get(name) or DEFAULT._fields.get(name)
        if functions is None:
            return self._write(value)
        data = functions[0](value, **kwargs)
        if not isinstance(data, dict):
            raise Unserializable(f"its serializer must return a dict, got {checks.type_name(data)}")
        return {KIND_KEY: _FIELD, "value": self._write(data)}

    def _read_field(self, name: str, data: Any, kwargs: dict[str, Any]) -> Any:
        if not isinstance(data, Mapping) or data.get(KIND_KEY) != _FIELD:  # pyright: ignore[reportUnknownMemberType]
            return self._read(data)
        functions = self._fields.get(name) or DEFAULT._fields.get(name)
        if functions is None:
            raise Unserializable(
                "it was saved by functions that are not registered here; "
                f"call register_field_serde({name!r}, ...) before reading it"
            )
        return functions[1](self._read(data["value"]), **kwargs)

    # Writing

    def _write(self, value: Any) -> Any:
        kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]  (of anything)
        # Exact types only: an instance of a subclass would be read as an instance of its base class.
        if kind in _PLAIN or (kind is float and math.isfinite(value)):
            return value
        if kind in _LISTS:
            return self._write_list(value, _LISTS[kind])
        if kind is dict or kind is FrozenDict:
            return self._write_dict(value)
        if kind in VALUES:
            name, write, _ = VALUES[kind]
            return {KIND_KEY: name, **write(value)}
        return self._write_instance(value)

    def _write_list(self, values: Iterable[Any], kind: str | None) -> Any:
        items = [
            value if type(value) in _PLAIN else _at(index, self._write, value) for index, value in enumerate(values)
        ]
        if kind is None:
            return items
        if kind != "tuple":
            # The order of a set differs between processes; equal states must be saved as equal text.
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return {KIND_KEY: kind, "items": items}

    def _write_dict(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        items = {key: value if type(value) in _PLAIN else _at(key, self._write, value) for key, value in values.items()}
        if KIND_KEY not in items and all(type(key) is str for key in items):
            return items
        # Other keys than str are not JSON, and a user's own "$kind" must not be read as a kind.
        return {KIND_KEY: "dict", "items": [[_at(key, self._write, key), value] for key, value in items.items()]}

    def _write_instance(self, value: Any) -> dict[str, Any]:
        cls: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]  (of anything)
        kind = kind_of(cls)
        if kind is None:
            raise Unserializable(
                f"it is {_short(value)}, of the class {cls.__qualname__}, which cannot be saved as JSON; keep another "
                "value in the state, or register functions for the field with register_field_serde(...)"
            )
        self._class(_path(cls), kind, cls)  # checks that it is registered, so that what is saved can be read
        return {KIND_KEY: kind, "class": _path(cls), **CLASSES[kind][0](value, self._write)}

    # Reading

    def _read(self, data: Any) -> Any:
        if type(data) in _PLAIN or type(data) is float:
            return data
        if isinstance(data, list):
            items: list[Any] = data  # pyright: ignore[reportUnknownVariableType]  (of anything)
            return [_at(index, self._read, item) for index, item in enumerate(items)]
        if not isinstance(data, dict):
            raise Unserializable(f"it contains {_short(data)}, which is not the form of a saved value")
        values: dict[str, Any] = data  # pyright: ignore[reportUnknownVariableType]  (of anything)
        if KIND_KEY not in values:
            return {key: _at(key, self._read, value) for key, value in values.items()}
        try:
            return self._read_kind(values[KIND_KEY], values)
        except (Unserializable, RecursionError):
            raise
        except Exception as error:  # data and classes may be wrong in any way
            raise Unserializable(
                f"it contains {_short(values)}, which cannot be read ({type(error).__name__}: {error})"
            ) from error

    def _read_kind(self, kind: str, data: dict[str, Any]) -> Any:
        if kind in _READ_VALUES:
            return _READ_VALUES[kind](data)
        if kind in _READ_LISTS:
            return _READ_LISTS[kind](self._read(data["items"]))
        if kind == "dict":
            return {self._read(key): self._read(value) for key, value in data["items"]}
        if kind in CLASSES:
            return CLASSES[kind][1](self._class(data["class"], kind), data, self._read)
        raise Unserializable(f"it contains {_short(data)}, and {kind!r} is not a known kind")

    def _class(self, path: str, kind: str, written: type | None = None) -> type:
        """Return the registered class of this path; ``written`` is the class of an instance that is being saved."""
        # The global registry is searched at each use, so classes that are registered later count as well.
        cls = self._classes.get(path) or DEFAULT._classes.get(path)
        if cls is None:
            raise Unserializable(
                f"it is of the class {path!r}, which is not registered; "
                f"put @register_class on it, or use Serde(types=[{path.rpartition(':')[2]}])"
            )
        if kind_of(cls) != kind or (written and written is not cls):
            raise Unserializable(f"it is of the class {path!r}, but another class is registered under that name")
        return cls


def _naming_field(name: str, verb: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function, and make each error a `StateError` that names the field."""
    try:
        return function(*args)
    except Unserializable as error:
        path = "".join(f"[{key!r}]" for key in reversed(error.path))
        at = f" (at {path})" if path else ""
        raise StateError(f"the field {name!r} cannot be {verb}{at}: {error}") from error.__cause__
    except RecursionError:
        raise StateError(f"the field {name!r} cannot be {verb}: it is nested too deeply, or contains itself") from None
    except Exception as error:  # a field's own functions may raise anything, and so may pydantic
        raise StateError(f"the field {name!r} cannot be {verb} ({type(error).__name__}: {error})") from error


def _at(key: object, convert: Callable[[Any], Any], value: Any) -> Any:
    """Convert a nested value, and add its key or index to the path of an error."""
    try:
        return convert(value)
    except Unserializable as error:
        error.path.append(key)
        raise


def _path(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _takes_any_keyword(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # not a function, or a built-in one without a signature
        return False
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _short(value: object) -> str:
    return reprlib.repr(value)


DEFAULT = Serde()
"""The registry of the whole process."""

register_class = DEFAULT.register_class
"""Register an enum, a dataclass, a named tuple or a pydantic model for the whole process. Also a decorator.

Raises:
    StateError: the class is not one of these.
"""
register_field_serde = DEFAULT.register_field_serde
"""Register two functions for a field, for the whole process: ``register_field_serde(name, serializer, deserializer)``.

``serializer(value, **kwargs)`` returns a dict; ``deserializer(data, **kwargs)`` returns the value of that dict.

Raises:
    StateError: one of the functions does not take ``**kwargs``.
"""
