"""How an argument is written into a prompt: text as it is, everything else as JSON."""

from __future__ import annotations

from typing import Any

from ..errors import PromptError


def written(value: Any, name: str = "") -> str:
    """Write a value for the model. It is data: nothing in it is ever read as a template.

    Strings are written as they are, and so are the values that JSON writes as strings (dates, UUIDs,
    decimals, string enums); pydantic models, dataclasses, containers and numbers are written as JSON.

    Raises:
        PromptError: JSON has no form for it.
    """
    if type(value) is str:
        return value
    import json

    from pydantic_core import PydanticSerializationError, to_json

    try:
        text = to_json(value, inf_nan_mode="constants").decode()
    except (PydanticSerializationError, ValueError) as error:
        raise PromptError(
            f"{repr(name) if name else 'a value'} is of type {type(value).__name__}, and cannot be written as JSON "
            f"({error}); pass a str, a number, a container, a dataclass or a pydantic model"
        ) from None
    return str(json.loads(text)) if text.startswith('"') else text
