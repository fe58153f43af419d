"""States as JSON, and back: exactly what they were, or an error that names the field.

Data never says what is imported or called: only instances of classes that the program itself has named are made.
"""

from __future__ import annotations

import inspect
import json
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, TypeVar

from ...errors import StateError
from .frozen import FrozenDict, FrozenList
from .kinds import CLASSES, MARK, VALUES, Unserializable, kind_of

T = TypeVar("T")

Serializer = Callable[..., dict[str, Any]]
Deserializer = Callable[..., Any]

_PLAIN = frozenset({NoneType, bool, int, str})
_LISTS: dict[Any, str | None] = {list: None, FrozenList: None, tuple: "tuple", set: "set", frozenset: "frozenset"}
_AGAIN: dict[str, Callable[[Iterable[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_READ = {kind: read for kind, _, read in VALUES.values()}
_FIELD = "field"


class Serde:
    """Makes JSON of a state's values, and the values of it again.

    Numbers, strings, lists, dicts, tuples and sets, ``bytes``, dates and times, ``Decimal`` and ``UUID`` need no
    help. Enums, dataclasses, named tuples and pydantic models do: their classes have to be named. For anything
    else, and where it is to look otherwise, a field can have functions of its own. What is registered with the
    module's `register_class` and `register_field_serde` holds here as well.

    Args:
        types: the classes whose instances may be saved and read.

    Raises:
        StateError: one of the classes cannot be registered.
    """

    def __init__(self, types: Iterable[type] = ()) -> None:
        self._classes: dict[str, type] = {}
        self._fields: dict[str, tuple[Serializer, Deserializer]] = {}
        for cls in types:
            self.register_class(cls)

    def register_class(self, cls: type[T]) -> type[T]:
        """Let instances of an enum, a dataclass, a named tuple or a pydantic model be saved and read. A decorator.

        Raises:
            StateError: the class is none of these.
        """
        if not isinstance(cls, type) or kind_of(cls) is None:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise StateError(
                f"{cls!r} cannot be registered: it is no enum, dataclass, named tuple or pydantic model; "
                "register_field_serde(...) gives a field functions of its own"
            )
        self._classes[_path(cls)] = cls
        return cls

    def register_field_serde(self, name: str, serializer: Serializer, deserializer: Deserializer) -> None:
        """Have a field written and read by these functions: ``serializer(value, **kwargs)`` gives a dict.

        Of that dict, ``deserializer(data, **kwargs)`` makes the value again.

        Raises:
            StateError: one of them does not take ``**kwargs``.
        """
        for word, function in (("serializer", serializer), ("deserializer", deserializer)):
            if not _takes_anything(function):
                raise StateError(
                    f"the {word} of the field {name!r} has to take **kwargs, as in def {word}(value, **kwargs)"
                )
        self._fields[name] = (serializer, deserializer)

    def serialize(self, values: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Give these values as what JSON can hold.

        Raises:
            StateError: one of them cannot be saved; the message names its field.
        """
        return {name: _named(name, "saved", self._written, name, value, kwargs) for name, value in values.items()}

    def deserialize(self, data: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Give the values of what `serialize` gave.

        Raises:
            StateError: it did not give this, or a class or a field's functions are not registered here.
        """
        if not isinstance(data, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  (it comes from a file)
            raise StateError(f"a state is read from an object, not from {_short(data)}")
        return {name: _named(name, "read", self._again, name, value, kwargs) for name, value in data.items()}

    # One field

    def _written(self, name: str, value: Any, kwargs: dict[str, Any]) -> Any:
        functions = self._fields.get(name) or DEFAULT._fields.get(name)
        if functions is None:
            return self._write(value)
        data = functions[0](value, **kwargs)
        if not isinstance(data, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  (it is the user's)
            raise Unserializable(f"its serializer has to return a dict, and returned {_short(data)}")
        return {MARK: _FIELD, "value": self._write(data)}

    def _again(self, name: str, data: Any, kwargs: dict[str, Any]) -> Any:
        if not isinstance(data, Mapping) or data.get(MARK) != _FIELD:  # pyright: ignore[reportUnknownMemberType]
            return self._read(data)
        functions = self._fields.get(name) or DEFAULT._fields.get(name)
        if functions is None:
            raise Unserializable(
                "it was saved by functions of its own, and there are none here; "
                f"register_field_serde({name!r}, ...) before it is read"
            )
        return functions[1](self._read(data["value"]), **kwargs)

    # Writing

    def _write(self, value: Any) -> Any:
        kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]  (of anything)
        if kind in _PLAIN or (kind is float and math.isfinite(value)):
            return value
        if kind in _LISTS:
            return self._write_list(value, _LISTS[kind])
        if kind is dict or kind is FrozenDict:
            return self._write_dict(value)
        if kind in VALUES:
            word, write, _ = VALUES[kind]
            return {MARK: word, **write(value)}
        return self._write_instance(value)

    def _write_list(self, values: Iterable[Any], kind: str | None) -> Any:
        items = [
            value if type(value) in _PLAIN else _at(index, self._write, value) for index, value in enumerate(values)
        ]
        if kind is None:
            return items
        if kind != "tuple":
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))  # the same set is saved as the same text
        return {MARK: kind, "items": items}

    def _write_dict(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        items = {key: value if type(value) in _PLAIN else _at(key, self._write, value) for key, value in values.items()}
        if MARK not in items and all(type(key) is str for key in items):
            return items
        return {MARK: "dict", "items": [[_at(key, self._write, key), value] for key, value in items.items()]}

    def _write_instance(self, value: Any) -> dict[str, Any]:
        cls: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]  (of anything)
        kind = kind_of(cls)
        if kind is None:
            raise Unserializable(
                f"it is {_short(value)}, of the class {cls.__qualname__}, which is no JSON; keep something else in the "
                "state, or give the field functions of its own with register_field_serde(...)"
            )
        self._class(_path(cls), kind, cls)
        return {MARK: kind, "class": _path(cls), **CLASSES[kind][0](value, self._write)}

    # Reading

    def _read(self, data: Any) -> Any:
        if type(data) in _PLAIN or type(data) is float:
            return data
        if isinstance(data, list):
            items: list[Any] = data  # pyright: ignore[reportUnknownVariableType]  (of anything)
            return [_at(index, self._read, item) for index, item in enumerate(items)]
        if not isinstance(data, dict):
            raise Unserializable(f"it holds {_short(data)}, which no state was saved as")
        values: dict[str, Any] = data  # pyright: ignore[reportUnknownVariableType]  (of anything)
        if MARK not in values:
            return {key: _at(key, self._read, value) for key, value in values.items()}
        try:
            return self._read_marked(values[MARK], values)
        except (Unserializable, RecursionError):
            raise
        except Exception as error:  # data and classes may be wrong in any way
            raise Unserializable(
                f"it holds {_short(values)}, which cannot be read ({type(error).__name__}: {error})"
            ) from error

    def _read_marked(self, kind: str, data: dict[str, Any]) -> Any:
        if kind in _READ:
            return _READ[kind](data)
        if kind in _AGAIN:
            return _AGAIN[kind](self._read(data["items"]))
        if kind == "dict":
            return {self._read(key): self._read(value) for key, value in data["items"]}
        if kind in CLASSES:
            return CLASSES[kind][1](self._class(data["class"], kind), data, self._read)
        raise Unserializable(f"it holds {_short(data)}, and there is no kind {kind!r}")

    def _class(self, path: str, kind: str, own: type | None = None) -> type:
        cls = self._classes.get(path) or DEFAULT._classes.get(path)
        if cls is None:
            raise Unserializable(
                f"it is of the class {path!r}, which is not registered; "
                f"put @register_class on it, or give Serde(types=[{path.rpartition(':')[2]}])"
            )
        if kind_of(cls) != kind or (own and own is not cls):
            raise Unserializable(f"it is of a class {path!r}, and another one is registered by that name")
        return cls


def _named(name: str, verb: str, code: Callable[..., Any], *args: Any) -> Any:
    """Call this, and let every error name the field."""
    try:
        return code(*args)
    except Unserializable as error:
        where = "".join(f"[{step!r}]" for step in reversed(error.path))
        at = f" (at {where})" if where else ""
        raise StateError(f"the field {name!r} cannot be {verb}{at}: {error}") from error.__cause__
    except RecursionError:
        raise StateError(f"the field {name!r} cannot be {verb}: it is nested too deeply, or holds itself") from None
    except Exception as error:  # a field's own functions may raise anything, and so may pydantic
        raise StateError(f"the field {name!r} cannot be {verb} ({type(error).__name__}: {error})") from error


def _at(step: object, code: Callable[[Any], Any], value: Any) -> Any:
    try:
        return code(value)
    except Unserializable as error:
        error.path.append(step)
        raise


def _path(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _takes_anything(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # not a function, or one that does not say what it takes
        return False
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _short(value: object) -> str:
    return reprlib.repr(value)


DEFAULT = Serde()
"""What holds in the whole process."""

register_class = DEFAULT.register_class
"""Let instances of an enum, a dataclass, a named tuple or a pydantic model be saved and read, everywhere. A decorator.

Raises:
    StateError: the class is none of these.
"""
register_field_serde = DEFAULT.register_field_serde
"""Have a field written and read by two functions, everywhere: ``register_field_serde(name, serializer, deserializer)``.

``serializer(value, **kwargs)`` gives a dict, of which ``deserializer(data, **kwargs)`` makes the value again.

Raises:
    StateError: one of the functions does not take ``**kwargs``.
"""
