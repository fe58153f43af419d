"""Arguments in a prompt: a str as it is, any other value as JSON."""

from __future__ import annotations

from typing import Any

from ..errors import PromptError


def format_value(value: Any, name: str = "") -> str:
    """Return a value as text for the model. It is data: nothing in it is ever read as a template.

    Strings are written as they are, and so are the values that JSON writes as strings (dates, UUIDs,
    decimals, string enums). Pydantic models, dataclasses, containers and numbers are written as JSON.

    Args:
        value: the argument.
        name: the parameter that an error names.

    Raises:
        PromptError: JSON has no form for the value.
    """
    if type(value) is str:  # a subclass may be an enum or have another __str__; JSON writes its text
        return value
    import json

    from pydantic_core import PydanticSerializationError, to_json

    try:
        text = to_json(value, inf_nan_mode="constants").decode()  # NaN instead of null: the model can read it
    except (PydanticSerializationError, ValueError) as error:
        raise PromptError(
            f"{repr(name) if name else 'a value'} is of type {type(value).__name__}, which cannot be written as JSON "
            f"({error}); pass a str, a number, a container, a dataclass or a pydantic model"
        ) from None
    # A JSON string without its quotes and escapes: a date in a prompt reads like text
    return str(json.loads(text)) if text.startswith('"') else text
