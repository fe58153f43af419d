"""Case 63, without measuring time: many items arrive complete and in order, and hooks get an event for each.

benchmarks/applications.py measures the items per second, in comparison with Burr.
"""

from __future__ import annotations

from typing import Any

import pytest

from declarai_like.app.events import StreamEnded, StreamItem
from tests.app.worlds import AppWorld, builder, in_each_world

ITEMS = 20_000


@pytest.mark.slow
@pytest.mark.parametrize("hooks", ["no hooks", "a plain hook", "an async hook"])
@in_each_world
async def test_case_63_many_items_come_in_order_and_a_hook_hears_of_each(world: AppWorld, hooks: str) -> None:
    if hooks == "an async hook" and not world.in_event_loop:
        pytest.skip("async hooks need an event loop")
    count = 300 if world.name.endswith("-plain") else ITEMS  # each item is then read in a worker thread
    heard: list[int] = []
    ended: list[int] = []

    def hear(event: Any) -> None:
        if isinstance(event, StreamItem):
            heard.append(event.item_index)
        elif isinstance(event, StreamEnded):
            ended.append(event.items_streamed)

    async def hear_later(event: Any) -> None:
        hear(event)

    @world.streaming(writes=["count"])
    def many(state: Any) -> Any:
        for number in range(count):
            yield {"number": number}, None
        yield {"count": count}, state.update(count=count)

    made = builder(many=many)
    if hooks != "no hooks":
        made.with_hooks(hear_later if hooks == "an async hook" else hear)
    app = made.build()
    _, stream = await world.stream(app, "many")
    assert [item["number"] for item in await stream.read()] == list(range(count))
    assert app.state["count"] == count
    if hooks != "no hooks":
        assert (heard, ended) == (list(range(count)), [count])
