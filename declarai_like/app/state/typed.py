"""States and their parts as pydantic models. Pydantic is imported when a model is first used."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, TypeVar, get_args

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
    """Gives a state as one object."""

    def construct_data(self, state: Mapping[str, Any], /) -> D_co:
        """Make the object of a state's values."""
        ...


class PydanticTypingSystem(Generic[M]):
    """Gives a state as an instance of a pydantic model, whose fields have the names of its values.

    Values that are no field of the model are left out. The classes in its fields may be saved with the state,
    as if each was registered with `register_class`.

    Raises:
        StateError: this is no model.
    """

    def __init__(self, model: type[M]) -> None:
        if not is_model(model):
            raise StateError(f"PydanticTypingSystem takes the class of a pydantic model, and not {model!r:.200}")
        self.model = model
        for cls in _classes((field.annotation for field in model.model_fields.values()), set()):
            register_class(cls)

    def construct_data(self, state: Mapping[str, Any], /) -> M:
        """Make the instance of a state's values.

        Raises:
            StateError: they do not fit the model.
        """
        try:
            return instance_of(self.model, state)
        except ValueError as error:  # as pydantic says that something does not fit
            raise StateError(f"the state does not fit {self.model.__name__}: {error}") from error

    def __repr__(self) -> str:
        return f"PydanticTypingSystem({self.model.__name__})"


def is_model(kind: Any) -> bool:
    """Whether it is the class of a pydantic model."""
    from pydantic import BaseModel

    return isinstance(kind, type) and issubclass(kind, BaseModel)


def instance_of(model: type[M], values: Mapping[str, Any], names: Iterable[str] | None = None) -> M:
    """Make an instance of a model of the values that its fields name. Its lists, dicts and models are copies.

    Args:
        names: the fields whose values are taken; by default all.

    Raises:
        pydantic.ValidationError: the values do not fit.
    """
    taken = model.model_fields if names is None else names
    mine = {name: thaw(values[name]) for name in taken if name in values}
    return model.model_validate(mine, by_name=True, by_alias=False)


def state_of(instance: BaseModel, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Give the values of these fields by name, as they are in the instance; by default of all fields.

    Raises:
        ActionError: the instance has no such field, or it was not set.
    """
    model = type(instance)
    values: dict[str, Any] = {}
    for name in model.model_fields if names is None else names:
        _check(model, [name])
        if name not in instance.__dict__:
            raise ActionError(f"the field {name!r} of {model.__name__} was not set, and it is declared as written")
        values[name] = getattr(instance, name)
    return values


def fields_model(model: type[BaseModel], names: Iterable[str], unset: Iterable[str] = ()) -> type[BaseModel]:
    """Give a model of these fields only, with their validators, and with the model's settings and methods.

    Validators of the whole model are left out, for they would miss the other fields; where all fields are
    named, it is the model itself.

    Args:
        model: the model of the whole state.
        names: the fields.
        unset: fields that are there as well, but have no value until they are set.

    Raises:
        ActionError: the model has no such field.
    """
    import pydantic

    names = tuple(dict.fromkeys(names))
    unset = tuple(name for name in dict.fromkeys(unset) if name not in names)
    _check(model, (*names, *unset))
    if not unset and len(names) == len(model.model_fields):
        return model
    fields: dict[str, Any] = {name: (model.model_fields[name].annotation, model.model_fields[name]) for name in names}
    for name in unset:
        whole = model.model_fields[name]
        of: Any = (whole.annotation, *whole.metadata, pydantic.Field(validate_default=False))
        fields[name] = (Annotated[of], None)

    def leave_unset(self: BaseModel) -> BaseModel:
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
            "leave_unset": pydantic.model_validator(mode="after")(leave_unset),
            **_validators(model, {*names, *unset}),
        },
        **fields,
    )
    for name, value in _methods(model):
        setattr(part, name, value)
    return part


def _check(model: type[BaseModel], names: Iterable[str]) -> None:
    if unknown := [name for name in names if name not in model.model_fields]:
        raise ActionError(
            f"{model.__name__} has no field {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(map(repr, model.model_fields)) or 'none'}"
        )


def _validators(model: type[BaseModel], names: set[str]) -> dict[str, Any]:
    """Give the validators of these fields, as they stand in the body of a class."""
    import pydantic

    found: dict[str, Any] = {}
    for name, decorator in model.__pydantic_decorators__.field_validators.items():
        if fields := [field for field in decorator.info.fields if field in names or field == "*"]:
            wrap: Any = pydantic.field_validator
            found[name] = wrap(*fields, mode=decorator.info.mode)(inspect.getattr_static(model, decorator.cls_var_name))
    return found


def _methods(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    import pydantic

    for cls in reversed(model.__mro__[: model.__mro__.index(pydantic.BaseModel)]):
        for name, value in vars(cls).items():
            if isinstance(value, (FunctionType, property, classmethod, staticmethod)) and not name.startswith("__"):
                yield name, value


def _classes(annotations: Iterable[Any], seen: set[Any]) -> Iterator[type]:
    """Give the classes that values of these types may have and that can be registered."""
    for annotation in annotations:
        if isinstance(annotation, type) and annotation not in seen and kind_of(annotation):
            seen.add(annotation)
            yield annotation
            yield from _classes(parts_of(annotation), seen)
        yield from _classes(get_args(annotation), seen)
