"""Arrays of numbers as fields of models: `array.array`, `memoryview`, and numpy's where it is installed."""

from __future__ import annotations

import array
import base64
import math
import re
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticSerializationUnexpectedValue, core_schema

from .segments import SegmentsIn, SegmentsOut

MARK = "declarai_numbers"
"""The key in a core schema's metadata that says that it is one of these."""
_ARRAY: Any = array.array  # of numbers whose type is known when they come
_OWN = "<" if sys.byteorder == "little" else ">"
_TYPE = re.compile(r"([<>|])([biufc])([1-9][0-9]?)")
_KINDS = {**dict.fromkeys("bhilq", "i"), **dict.fromkeys("BHILQ", "u"), "f": "f", "d": "f", "?": "b"}
"""The kinds of number behind the letters of `array` and `memoryview`."""
_LETTERS = {(kind, struct.calcsize(letter)): letter for letter, kind in reversed(_KINDS.items())}


@dataclass(frozen=True)
class Numbers:
    """Marks a field that is an array of numbers: ``Annotated[numpy.ndarray, Numbers()]``, or one of a `memoryview`.

    In a typed stream its bytes go as they are, beside the JSON; NaN and infinity are kept. In plain JSON they are
    written in base64.

    ``kinds`` says which numbers it may have, in the letters of numpy: b(ool), i(nt), u(nsigned), f(loat), c(omplex).

    Raises:
        TypeError: when the model is made: the field is of another type.
    """

    kinds: str = "biufc"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        container = getattr(source, "__origin__", source)
        is_numpy = container is getattr(sys.modules.get("numpy"), "ndarray", None)
        if not is_numpy and container not in (array.array, memoryview):
            raise TypeError(f"Numbers() marks an array.array, a memoryview or a numpy.ndarray, and not {source!r}")

        def read(value: Any, info: core_schema.ValidationInfo[Any]) -> Any:
            if isinstance(value, dict):
                return _made(container, *self._read(value, info.context))  # pyright: ignore[reportUnknownArgumentType]
            if isinstance(value, container):
                self._check(_typed(value)[0])
                return value
            raise ValueError(f"this is no {container.__name__}")

        def write(value: Any, info: core_schema.SerializationInfo[Any]) -> dict[str, Any]:
            if not isinstance(value, container):
                raise PydanticSerializationUnexpectedValue(f"this is no {container.__name__}")
            type, shape, data = _typed(value)
            self._check(type)
            described = {"type": type, "shape": shape}
            if isinstance(info.context, SegmentsOut):
                return described | info.context.add(data)
            return described | {"base64": base64.b64encode(data).decode()}

        return core_schema.with_info_plain_validator_function(
            read,
            metadata={MARK: True},
            serialization=core_schema.plain_serializer_function_ser_schema(write, info_arg=True, when_used="json"),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        strings = {name: {"type": "string"} for name in ("type", "base64")}
        shape = {"type": "array", "items": {"type": "integer"}}
        return {"type": "object", "properties": {**strings, "shape": shape}, "required": ["type", "shape", "base64"]}

    def _check(self, type: str) -> re.Match[str]:
        match = _TYPE.fullmatch(type)
        if match is None or match[2] not in self.kinds:
            raise ValueError(f"numbers of the type {type!r} do not fit here")
        return match

    def _read(self, value: dict[str, Any], context: Any) -> tuple[re.Match[str], list[int], memoryview]:
        match = self._check(str(value.get("type")))
        shape = cast("list[int]", value.get("shape"))
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("the shape has to be a list of sizes")
        if isinstance(context, SegmentsIn):
            data = context.take(value)
        else:
            data = memoryview(base64.b64decode(str(value.get("base64")), validate=True))
        if len(data) != math.prod(shape) * int(match[3]):
            raise ValueError("there are more or fewer bytes than numbers")
        return match, shape, data


def _typed(value: Any) -> tuple[str, list[int], Any]:
    """Give the type of the numbers as numpy writes it, their shape, and their bytes in a row."""
    if hasattr(value, "dtype"):
        if not _TYPE.fullmatch(value.dtype.str):
            raise ValueError(f"numbers of the type {value.dtype.str!r} do not fit here")
        return value.dtype.str, list(value.shape), memoryview(value.ravel().view("u1"))
    view: Any = memoryview(value)
    kind = _KINDS.get(view.format)
    if kind is None or getattr(value, "typecode", view.format) != view.format:
        raise ValueError(f"there are no numbers in {value!r:.60}")
    type = f"{'|' if view.itemsize == 1 else _OWN}{kind}{view.itemsize}"
    return type, list(view.shape), view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def _made(container: Any, type: re.Match[str], shape: list[int], data: Any) -> Any:
    """Give the array that has these numbers."""
    if container not in (array.array, memoryview):
        return sys.modules["numpy"].frombuffer(data, dtype=type[0]).reshape(shape)
    letter: Any = _LETTERS.get((type[2], int(type[3])))
    if letter is None or (container is array.array and (letter == "?" or len(shape) != 1)):
        raise ValueError(f"there is no {container.__name__} of the type {type[0]!r} and the shape {shape}")
    if container is memoryview and type[1] in ("|", _OWN):
        return data.cast(letter) if len(shape) == 1 else data.cast(letter, shape)
    made: Any = _ARRAY(letter)
    made.frombytes(data)
    if type[1] not in ("|", _OWN):
        made.byteswap()
    if container is array.array:
        return made
    view: Any = memoryview(made).cast("B")
    return view.cast(letter) if len(shape) == 1 else view.cast(letter, shape)


if TYPE_CHECKING:
    FloatArray = array.array[float]
    """The type of a field that is an `array.array` of floats."""
    IntArray = array.array[int]
    """The type of a field that is an `array.array` of integers."""
else:
    FloatArray = Annotated[array.array, Numbers("f")]
    IntArray = Annotated[array.array, Numbers("iu")]
