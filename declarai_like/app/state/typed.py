"""States, and parts of them, as pydantic models. Pydantic is imported on first use of a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, TypeVar, get_args

from ..._core.checks import wrong_type
from ...errors import ActionError, StateError
from .frozen import thaw
from .kinds import kind_of, parts_of
from .serde import register_class

if TYPE_CHECKING:
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)
else:
    M = TypeVar("M")

D_co = TypeVar("D_co", covariant=True)


class TypingSystem(Protocol[D_co]):
    """A factory of one typed object for a state."""

    def construct_data(self, state: Mapping[str, Any], /) -> D_co:
        """Return the object of a state's values."""
        ...


class PydanticTypingSystem(Generic[M]):
    """A factory of instances of a pydantic model, whose fields are keys of the state.

    Values without a field in the model are left out. The classes of its fields are registered as by `register_class`,
    so that they can be saved with the state.

    Raises:
        StateError: this is not the class of a pydantic model.
    """

    def __init__(self, model: type[M]) -> None:
        if not is_model(model):
            raise wrong_type(
                "the model of PydanticTypingSystem", "the class of a pydantic model", model, error=StateError
            )
        self.model = model
        for cls in _classes((field.annotation for field in model.model_fields.values()), set()):
            register_class(cls)

    def construct_data(self, state: Mapping[str, Any], /) -> M:
        """Return the instance of a state's values.

        Raises:
            StateError: the values are not valid for the model.
        """
        try:
            return instance_of(self.model, state)
        except ValueError as error:  # a pydantic.ValidationError is one
            raise StateError(f"the state is not a valid {self.model.__name__}: {error}") from error

    def __repr__(self) -> str:
        return f"PydanticTypingSystem({self.model.__name__})"


def is_model(kind: Any) -> bool:
    """True if it is the class of a pydantic model."""
    from pydantic import BaseModel

    return isinstance(kind, type) and issubclass(kind, BaseModel)


def instance_of(model: type[M], values: Mapping[str, Any], names: Iterable[str] | None = None) -> M:
    """Return an instance of a model with the values of its fields. Its lists, dicts and models are copies.

    Args:
        model: the class of the instance.
        values: the values by name, of which those of other names are left out.
        names: the fields to set; by default all.

    Raises:
        pydantic.ValidationError: the values are not valid.
    """
    fields = model.model_fields if names is None else names
    chosen = {name: thaw(values[name]) for name in fields if name in values}
    return model.model_validate(chosen, by_name=True, by_alias=False)


def state_of(instance: BaseModel, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the values of these fields by name, as they are in the instance; by default of all fields.

    Raises:
        ActionError: the instance does not have such a field, or it was not set.
    """
    model = type(instance)
    values: dict[str, Any] = {}
    for name in model.model_fields if names is None else names:
        _check(model, [name])
        if name not in instance.__dict__:
            raise ActionError(f"the field {name!r} of {model.__name__} was not set, but is declared in writes")
        values[name] = getattr(instance, name)
    return values


def fields_model(model: type[BaseModel], names: Iterable[str], unset: Iterable[str] = ()) -> type[BaseModel]:
    """Return a model with these fields only, their validators, and the model's configuration and methods.

    Model validators are left out, since they may need the other fields. If all fields are named, the result is the
    model itself.

    Args:
        model: the model of the complete state.
        names: the fields.
        unset: more fields, which do not have a value until they are set.

    Raises:
        ActionError: the model does not have such a field.
    """
    import pydantic

    names = tuple(dict.fromkeys(names))
    unset = tuple(name for name in dict.fromkeys(unset) if name not in names)
    _check(model, (*names, *unset))
    if not unset and len(names) == len(model.model_fields):
        return model
    fields: dict[str, Any] = {name: (model.model_fields[name].annotation, model.model_fields[name]) for name in names}
    for name in unset:
        field = model.model_fields[name]
        # Optional with a default that is removed below: only so can an instance be made before the field is set.
        annotation: Any = (field.annotation, *field.metadata, pydantic.Field(validate_default=False))
        fields[name] = (Annotated[annotation], None)

    def remove_defaults(self: BaseModel) -> BaseModel:
        values: Any = self.__dict__
        for name in unset:
            if name not in self.model_fields_set:
                values.pop(name, None)
        return self

    create: Any = pydantic.create_model
    part: type[BaseModel] = create(
        model.__name__,
        __config__=model.model_config,
        __module__=model.__module__,
        __doc__=model.__doc__,
        __validators__={
            "remove_defaults": pydantic.model_validator(mode="after")(remove_defaults),
            **_validators(model, {*names, *unset}),
        },
        **fields,
    )
    # Copied, since a subclass of the model would inherit all fields as well.
    for name, value in _methods(model):
        setattr(part, name, value)
    return part


def _check(model: type[BaseModel], names: Iterable[str]) -> None:
    if unknown := [name for name in names if name not in model.model_fields]:
        raise ActionError(
            f"{model.__name__} does not have the field {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(map(repr, model.model_fields)) or 'none'}"
        )


def _validators(model: type[BaseModel], names: set[str]) -> dict[str, Any]:
    """Return the validators of these fields, in the form that `pydantic.create_model` takes."""
    import pydantic

    found: dict[str, Any] = {}
    for name, decorator in model.__pydantic_decorators__.field_validators.items():
        if fields := [field for field in decorator.info.fields if field in names or field == "*"]:
            wrap: Any = pydantic.field_validator
            found[name] = wrap(*fields, mode=decorator.info.mode)(inspect.getattr_static(model, decorator.cls_var_name))
    return found


def _methods(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Yield the methods and properties of a model and its bases, base classes first, so that overrides win."""
    import pydantic

    for cls in reversed(model.__mro__[: model.__mro__.index(pydantic.BaseModel)]):
        for name, value in vars(cls).items():
            if isinstance(value, (FunctionType, property, classmethod, staticmethod)) and not name.startswith("__"):
                yield name, value


def _classes(annotations: Iterable[Any], visited: set[Any]) -> Iterator[type]:
    """Yield the classes in these annotations that can be registered; ``visited`` ends recursive types."""
    for annotation in annotations:
        if isinstance(annotation, type) and annotation not in visited and kind_of(annotation):
            visited.add(annotation)
            yield annotation
            yield from _classes(parts_of(annotation), visited)
        yield from _classes(get_args(annotation), visited)
