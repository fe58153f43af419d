"""Arrays of numbers as fields of models: `array.array`, `memoryview` and, if it is installed, `numpy.ndarray`."""

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

from .errors import type_name
from .segments import SegmentsIn, SegmentsOut

NUMBERS_KEY = "declarai_numbers"
"""The key in the metadata of a core schema that marks a field with `Numbers`."""
_ARRAY: Any = array.array  # untyped: the type of its numbers is known only at run time
_NATIVE_ORDER = "<" if sys.byteorder == "little" else ">"
# numpy's array interface: byte order, kind, bytes per number; see numpy.dtype.str
_TYPE = re.compile(r"([<>|])([biufc])([1-9][0-9]?)")
_KINDS = {**dict.fromkeys("bhilq", "i"), **dict.fromkeys("BHILQ", "u"), "f": "f", "d": "f", "?": "b"}
"""The kind of number for each type code of `array` and `memoryview`."""
# Reversed: of two codes of one kind and size, the first of `_KINDS` is taken
_TYPE_CODES = {(kind, struct.calcsize(code)): code for code, kind in reversed(_KINDS.items())}


@dataclass(frozen=True)
class Numbers:
    """Mark a field that is an array of numbers: ``Annotated[numpy.ndarray, Numbers()]``, or one of a `memoryview`.

    In a typed stream its bytes are sent unchanged, beside the JSON; NaN and infinity are kept. In plain JSON they are
    base64.

    Attributes:
        kinds: the kinds of numbers that the field accepts, as numpy's letters: b(ool), i(nt), u(nsigned), f(loat),
            c(omplex).

    Raises:
        TypeError: at the definition of the model, if the field has another type.
    """

    kinds: str = "biufc"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        container = getattr(source, "__origin__", source)
        # numpy is not imported here: a field with this type can only exist if its module has imported numpy
        is_numpy = container is getattr(sys.modules.get("numpy"), "ndarray", None)
        if not is_numpy and container not in (array.array, memoryview):
            raise TypeError(f"Numbers() must mark an array.array, a memoryview or a numpy.ndarray, got {source!r}")

        def validate(value: Any, info: core_schema.ValidationInfo[Any]) -> Any:
            if isinstance(value, dict):
                return _array(container, *self._load(value, info.context))  # pyright: ignore[reportUnknownArgumentType]
            if isinstance(value, container):
                self._match(_dump(value)[0])
                return value
            raise ValueError(f"must be of type {container.__name__}, got {type_name(value)}")

        def serialize(value: Any, info: core_schema.SerializationInfo[Any]) -> dict[str, Any]:
            if not isinstance(value, container):
                # This exception and no other: pydantic makes it a warning, or tries the next member of a union
                raise PydanticSerializationUnexpectedValue(
                    f"must be of type {container.__name__}, got {type_name(value)}"
                )
            type, shape, data = _dump(value)
            self._match(type)
            description = {"type": type, "shape": shape}
            if isinstance(info.context, SegmentsOut):
                return description | info.context.add(data)
            return description | {"base64": base64.b64encode(data).decode()}

        return core_schema.with_info_plain_validator_function(
            validate,
            metadata={NUMBERS_KEY: True},
            serialization=core_schema.plain_serializer_function_ser_schema(serialize, info_arg=True, when_used="json"),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        strings = {name: {"type": "string"} for name in ("type", "base64")}
        shape = {"type": "array", "items": {"type": "integer"}}
        return {"type": "object", "properties": {**strings, "shape": shape}, "required": ["type", "shape", "base64"]}

    def _match(self, type: str) -> re.Match[str]:
        match = _TYPE.fullmatch(type)
        if match is None or match[2] not in self.kinds:
            raise ValueError(f"the type of the numbers must be of a kind in {self.kinds!r}, got {type!r}")
        return match

    def _load(self, value: dict[str, Any], context: Any) -> tuple[re.Match[str], list[int], memoryview]:
        """Return the type, the shape and the bytes of an array from its JSON; the peer may have sent anything."""
        match = self._match(str(value.get("type")))
        shape = cast("list[int]", value.get("shape"))
        # type() and not isinstance(): JSON's true is an int for Python
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("shape must be a list of integers >= 0")
        if isinstance(context, SegmentsIn):
            data = context.take(value)
        else:
            data = memoryview(base64.b64decode(str(value.get("base64")), validate=True))
        expected = math.prod(shape) * int(match[3])
        if len(data) != expected:
            raise ValueError(f"an array of this type and shape must have {expected} bytes, got {len(data)}")
        return match, shape, data


def _dump(value: Any) -> tuple[str, list[int], Any]:
    """Return the type of the numbers as numpy writes it, their shape, and their bytes in C order."""
    if hasattr(value, "dtype"):
        if not _TYPE.fullmatch(value.dtype.str):
            raise ValueError(f"the elements must be numbers, got the dtype {value.dtype.str!r}")
        # ravel() copies only an array that is not contiguous; the view "u1" is its bytes, for any dtype
        return value.dtype.str, list(value.shape), memoryview(value.ravel().view("u1"))
    view: Any = memoryview(value)
    # An array("u") has characters, but the format of its memoryview is that of an integer
    type_code = getattr(value, "typecode", view.format)
    kind = _KINDS.get(view.format)
    if kind is None or type_code != view.format:
        raise ValueError(f"the elements must be numbers, got the type code {type_code!r}")
    type = f"{'|' if view.itemsize == 1 else _NATIVE_ORDER}{kind}{view.itemsize}"
    return type, list(view.shape), view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def _array(container: Any, type: re.Match[str], shape: list[int], data: Any) -> Any:
    """Return an array of this type and shape; a view of ``data`` where that is possible, else a copy."""
    if container not in (array.array, memoryview):
        return sys.modules["numpy"].frombuffer(data, dtype=type[0]).reshape(shape)
    code: Any = _TYPE_CODES.get((type[2], int(type[3])))
    # An array.array has one dimension and no booleans
    if code is None or (container is array.array and (code == "?" or len(shape) != 1)):
        raise ValueError(f"{container.__name__} does not support the type {type[0]!r} with the shape {shape}")
    is_native = type[1] in ("|", _NATIVE_ORDER)
    if container is memoryview and is_native:
        return data.cast(code) if len(shape) == 1 else data.cast(code, shape)
    # From here on it is a copy: an array.array owns its memory, and a memoryview cannot have the other byte order
    made: Any = _ARRAY(code)
    made.frombytes(data)
    if not is_native:
        made.byteswap()
    if container is array.array:
        return made
    view: Any = memoryview(made).cast("B")  # from one format to another only by way of bytes
    return view.cast(code) if len(shape) == 1 else view.cast(code, shape)


if TYPE_CHECKING:
    FloatArray = array.array[float]
    """The type of a field that is an `array.array` of floats."""
    IntArray = array.array[int]
    """The type of a field that is an `array.array` of integers."""
else:
    FloatArray = Annotated[array.array, Numbers("f")]
    IntArray = Annotated[array.array, Numbers("iu")]
