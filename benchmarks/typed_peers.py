"""Other libraries reading the same pieces, in the way of their own streams, with no network.

Each is optional: where it is not installed, the table says so. Annotations are not postponed here, for
some of them read them as they are.
"""

from typing import Any

from pydantic import TypeAdapter
from typed_answers import Item, Note, Report, cut
from typed_contenders import Contender, PartialNote, PartialReport


class Instructor(Contender):
    """What its streams of partials and of elements are made of."""

    def __init__(self) -> None:
        from instructor import Partial
        from instructor.dsl.iterable import IterableModel

        self._report, self._note, self._items = Partial[Report], Partial[Note], IterableModel(Item)

    def partials(self, pieces: int) -> Any:
        return _last(self._report.model_from_chunks(iter(cut("report", pieces))))

    def string(self, pieces: int) -> Any:
        return _last(self._note.model_from_chunks(iter(cut("note", pieces))))

    def items(self, pieces: int) -> Any:
        return list(self._items.tasks_from_chunks(iter(cut("list", pieces))))

    def wrapped_items(self, pieces: int) -> Any:
        return list(self._items.tasks_from_chunks(iter(cut("wrapped", pieces))))

    def quoted_items(self, pieces: int) -> Any:
        return list(self._items.tasks_from_chunks(iter(cut("quoted", pieces))))


class Mirascope(Contender):
    """Its streamed response, over chunks that are there already."""

    def __init__(self) -> None:
        from mirascope import llm

        self._llm = llm
        self._formats = {kind: llm.format(kind, mode="json") for kind in (Report, Note)}

    def partials(self, pieces: int) -> Any:
        return self._read(Report, cut("report", pieces))

    def string(self, pieces: int) -> Any:
        return self._read(Note, cut("note", pieces))

    def _read(self, kind: type, pieces: list[str]) -> Any:
        def chunks() -> Any:
            yield self._llm.TextStartChunk()
            for piece in pieces:
                yield self._llm.TextChunk(delta=piece)
            yield self._llm.TextEndChunk()

        response = self._llm.StreamResponse(
            provider_id="openai",
            model_id="openai/bench",
            provider_model_name="bench",
            params={},
            format=self._formats[kind],
            input_messages=[],
            chunk_iterator=chunks(),
        )
        return _last(response.structured_stream())


class PydanticAI(Contender):
    """An agent over its own model for tests, without debouncing, which would leave pieces out."""

    def __init__(self) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.models.function import DeltaToolCall, FunctionModel

        async def stream(messages: Any, info: Any) -> Any:
            yield {0: DeltaToolCall(name=info.output_tools[0].name)}
            for piece in self._pieces:
                yield {0: DeltaToolCall(json_args=piece)}

        model = FunctionModel(stream_function=stream)
        self._pieces: list[str] = []
        self._report = Agent(model, output_type=PartialReport)
        self._note = Agent(model, output_type=PartialNote)

    async def partials(self, pieces: int) -> Any:
        return await self._read(self._report, cut("report", pieces))

    async def string(self, pieces: int) -> Any:
        return await self._read(self._note, cut("note", pieces))

    async def _read(self, agent: Any, pieces: list[str]) -> Any:
        self._pieces = pieces
        async with agent.run_stream("Report.") as answer:
            async for partial in answer.stream_output(debounce_by=None):
                last = partial
        return last


class LangChain(Contender):
    """Its parser of JSON, which gives plain dicts: no type is looked at."""

    def __init__(self) -> None:
        from langchain_core.output_parsers import JsonOutputParser

        self._parser = JsonOutputParser()

    def partials(self, pieces: int) -> Any:
        return _last(self._parser.transform(iter(cut("report", pieces))))

    def string(self, pieces: int) -> Any:
        return _last(self._parser.transform(iter(cut("note", pieces))))


class Magentic(Contender):
    """Elements only: it has no partials."""

    def __init__(self) -> None:
        from magentic.streaming import iter_streamed_json_array

        self._split, self._item = iter_streamed_json_array, TypeAdapter(Item)

    def items(self, pieces: int) -> Any:
        return self._all("list", pieces)

    def wrapped_items(self, pieces: int) -> Any:
        return self._all("wrapped", pieces)

    def quoted_items(self, pieces: int) -> Any:
        return self._all("quoted", pieces)

    def _all(self, kind: str, pieces: int) -> list[Item]:
        return [self._item.validate_json(item) for item in self._split(iter(cut(kind, pieces)))]


def _last(snapshots: Any) -> Any:
    for snapshot in snapshots:
        last = snapshot
    return last
