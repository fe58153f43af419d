"""Contenders that read a typed answer as it arrives: snapshots at each piece, or elements as they are complete.

A size is a number of pieces, and a word names the kind of answer. Each method returns its last result, which is
compared with the whole answer. It uses neither a network nor a model. Annotations are not postponed here, because some
libraries read them as they are.
"""

from functools import cache
from operator import attrgetter
from typing import Any

from answers import Item, Note, Report, answer, cut, plain
from jiter import from_json
from pydantic import TypeAdapter
from typing_extensions import TypedDict

_LISTS = ("list", "wrapped", "quoted")
_LOOKS = {"report": lambda partial: partial.items[-1].note, "note": attrgetter("text")}


class Contender:
    """Compares the last result with the whole answer."""

    packages: tuple[str, ...] = ()  # their versions are shown

    def verify(self, work: str, pieces: int, last: Any) -> None:
        kind = work.split()[1]
        expected = answer(kind, pieces)
        expected = expected["value"] if kind == "wrapped" else expected
        assert plain(last, expected) == expected, f"this is not the answer: {last!r:.200}"


@cache
def chunks(kind: str, pieces: int) -> list[Any]:
    """Return the pieces of an answer as chunks of a stream. They are made once, so they are not measured."""
    from declarai_like.messages import LLMResponse

    return [LLMResponse(piece, piece) for piece in cut(kind, pieces)]


class Ours(Contender):
    """This library's readers. A type is compiled once, as by a task, and as the others do with their adapters."""

    packages = ("declarai-like",)

    def __init__(self) -> None:
        from declarai_like._output.types.root import AnswerSpec
        from declarai_like._output.views.transducers import Elements, Partials

        items = AnswerSpec(list[Item])
        self._specs = {"report": AnswerSpec(Report), "note": AnswerSpec(Note), **dict.fromkeys(_LISTS, items)}
        self._partials = lambda spec: Partials(spec, lambda: None, early=False)
        self._elements = lambda spec: Elements(spec, bool)

    def snapshots(self, kind: str, pieces: int) -> Any:
        reader = self._partials(self._specs[kind])
        for chunk in chunks(kind, pieces):
            partial = next(iter(reader.feed(chunk)), None)
        return partial

    def read(self, kind: str, pieces: int) -> Any:
        """Look into each snapshot: at the last field of the last item, or at the string."""
        reader, look = self._partials(self._specs[kind]), _LOOKS[kind]
        for chunk in chunks(kind, pieces):
            partial = next(iter(reader.feed(chunk)), None)
            try:
                value = look(partial)
            except (AttributeError, IndexError):  # it has not arrived
                value = None
        assert value == look(partial)
        return partial

    def elements(self, kind: str, pieces: int) -> list[Item]:
        reader = self._elements(self._specs[kind])
        found: list[Item] = []
        for chunk in chunks(kind, pieces):
            found += reader.feed(chunk)
        return found


class PartialItem(TypedDict, total=False):
    name: str
    price: float
    amount: int
    ready: bool
    tags: list[str]
    note: str


class PartialReport(TypedDict, total=False):
    title: str
    items: list[PartialItem]


class PartialNote(TypedDict, total=False):
    text: str


_PARTIALS = {"report": PartialReport, "note": PartialNote}
"""Pydantic validates parts of typed dicts only, not of models."""


class JiterAndPydantic(Contender):
    """jiter's partial mode, and pydantic's partial validation of its result, over the whole text at each piece."""

    packages = ("jiter", "pydantic")

    def __init__(self) -> None:
        self._adapters = {kind: TypeAdapter(type) for kind, type in _PARTIALS.items()}

    def snapshots(self, kind: str, pieces: int) -> Any:
        text, partial, validate = "", None, self._adapters[kind].validate_python
        for piece in cut(kind, pieces):
            text += piece
            so_far = from_json(text.encode(), partial_mode="trailing-strings")
            partial = validate(so_far, experimental_allow_partial="trailing-strings")
        return partial


class Pydantic(JiterAndPydantic):
    """pydantic alone, which parses and validates in one step."""

    packages = ("pydantic", "pydantic-core")

    def snapshots(self, kind: str, pieces: int) -> Any:
        text, partial, validate = "", None, self._adapters[kind].validate_json
        for piece in cut(kind, pieces):
            text += piece
            partial = validate(text, experimental_allow_partial="trailing-strings")
        return partial


class Instructor(Contender):
    """The parts of its streams of partials and of elements."""

    packages = ("instructor",)

    def __init__(self) -> None:
        from instructor import Partial
        from instructor.dsl.iterable import IterableModel

        self._partials, self._items = {"report": Partial[Report], "note": Partial[Note]}, IterableModel(Item)

    def snapshots(self, kind: str, pieces: int) -> Any:
        return _last(self._partials[kind].model_from_chunks(iter(cut(kind, pieces))))

    def elements(self, kind: str, pieces: int) -> list[Item]:
        return list(self._items.tasks_from_chunks(iter(cut(kind, pieces))))


class Mirascope(Contender):
    """Its streamed response, over prepared chunks."""

    packages = ("mirascope",)

    def __init__(self) -> None:
        from mirascope import llm

        self._llm = llm
        self._formats = {"report": llm.format(Report, mode="json"), "note": llm.format(Note, mode="json")}
        self._about = {"provider_id": "openai", "model_id": "openai/bench", "provider_model_name": "bench"}

    def snapshots(self, kind: str, pieces: int) -> Any:
        about = {**self._about, "params": {}, "format": self._formats[kind], "input_messages": []}
        response = self._llm.StreamResponse(**about, chunk_iterator=self._chunks(cut(kind, pieces)))
        return _last(response.structured_stream())

    def _chunks(self, pieces: list[str]) -> Any:
        yield self._llm.TextStartChunk()
        for piece in pieces:
            yield self._llm.TextChunk(delta=piece)
        yield self._llm.TextEndChunk()


class PydanticAI(Contender):
    """An agent over its own test model. It is not debounced, because that would skip pieces."""

    packages = ("pydantic-ai-slim",)

    def __init__(self) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.models.function import DeltaToolCall, FunctionModel

        async def stream(messages: Any, info: Any) -> Any:
            yield {0: DeltaToolCall(name=info.output_tools[0].name)}
            for piece in self._pieces:
                yield {0: DeltaToolCall(json_args=piece)}

        self._pieces: list[str] = []
        model = FunctionModel(stream_function=stream)
        self._agents = {kind: Agent(model, output_type=type) for kind, type in _PARTIALS.items()}

    async def snapshots(self, kind: str, pieces: int) -> Any:
        self._pieces = cut(kind, pieces)
        async with self._agents[kind].run_stream("Report.") as answer:
            async for partial in answer.stream_output(debounce_by=None):
                last = partial
        return last


class LangChain(Contender):
    """Its JSON parser, which returns plain dicts and does not check types."""

    packages = ("langchain-core",)

    def __init__(self) -> None:
        from langchain_core.output_parsers import JsonOutputParser

        self._parser = JsonOutputParser()

    def snapshots(self, kind: str, pieces: int) -> Any:
        return _last(self._parser.transform(iter(cut(kind, pieces))))


class Magentic(Contender):
    """Elements only: it does not have partials."""

    packages = ("magentic",)

    def __init__(self) -> None:
        from magentic.streaming import iter_streamed_json_array

        self._split, self._item = iter_streamed_json_array, TypeAdapter(Item)

    def elements(self, kind: str, pieces: int) -> list[Item]:
        return [self._item.validate_json(item) for item in self._split(iter(cut(kind, pieces)))]


def _last(snapshots: Any) -> Any:
    for snapshot in snapshots:
        last = snapshot
    return last
