"""A chatbot as a state machine: it checks a prompt, decides on a mode, and streams its answer.

It runs with the offline model, or with OpenAI if OPENAI_API_KEY is set (DECLARAI_DEMO_MODEL is the name of the model).
An empty line or Ctrl-D ends it. The state is saved after each step, so the next run continues from there. That works
even if this one is killed in the middle of an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any, Literal, TypeAlias

import declarai_like as declarai
from declarai_like.app import (
    Application,
    ApplicationBuilder,
    SQLitePersister,
    State,
    action,
    default,
    streaming_action,
    when,
)

Mode = Literal["answer_question", "generate_poem", "generate_code", "unknown"]
Item: TypeAlias = dict[str, Any]
"""A message of the conversation: ``role``, ``content`` and ``type``."""

TERMINAL_ACTIONS = ["answer_question", "generate_poem", "generate_code", "prompt_for_more", "unsafe_response"]

DELAY = float(os.environ.get("DECLARAI_DEMO_DELAY", "0.03"))
"""Seconds between two words of the offline model."""

REPLIES = {
    "in verse": "Two hundred tokens, in a row,\nhow patiently they come and go.",
    "with code": "def answer() -> int:\n    return 42",
    "in a few sentences": "It depends, as always, on what was meant. But mostly it is forty-two.",
}
MODES = {"poem": "generate_poem", "limerick": "generate_poem", "code": "generate_code", "?": "answer_question"}


def reply_offline(messages: list[dict[str, str]]) -> str:
    """Return the offline model's reply: a mode for a word in the prompt, or the answer of a mode."""
    request = messages[-1]["content"]
    if request.startswith("Decide"):
        prompt = request.partition("## prompt")[2].partition("##")[0].lower()
        return next((mode for word, mode in MODES.items() if word in prompt), "unknown")
    return next(reply for how, reply in REPLIES.items() if how in request.partition("\n")[0])


if os.environ.get("OPENAI_API_KEY"):
    model = declarai.openai(os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5"))
else:
    model = declarai.offline(reply_offline, delay=DELAY)


@model.task
async def choose_mode(prompt: str) -> Mode:
    """Decide on the mode.

    :param prompt: the user's message
    """
    return declarai.magic(prompt)


@model.task(streaming=True)
async def write(prompt: str, how: str, chat_history: list[Item]) -> str:
    """Answer {how}.

    :param prompt: the user's message
    :param chat_history: the earlier messages
    """
    return declarai.magic(prompt, how, chat_history)


@action(reads=[], writes=["prompt", "chat_history"])
def process_prompt(state: State, prompt: str) -> State:
    message = {"role": "user", "content": prompt, "type": "text"}
    return state.wipe(keep=["chat_history"]).update(prompt=prompt).append(chat_history=message)


@action(reads=["prompt"], writes=["safe"])
def check_safety(state: State) -> State:
    return state.update(safe="unsafe" not in state["prompt"])


@action(reads=["prompt"], writes=["mode"])
async def decide_mode(state: State) -> State:
    return state.update(mode=await choose_mode(state["prompt"]))


@streaming_action(reads=["prompt", "chat_history"], writes=["response", "chat_history"])
async def chat_response(state: State, how: str, content_type: str) -> AsyncIterator[Any]:
    text = ""
    async for chunk in write(state["prompt"], how, state["chat_history"][:-1]):
        text = chunk.response
        yield {"delta": chunk.delta}, None
    yield _with_response(state, text, content_type)


@streaming_action(reads=["prompt", "chat_history"], writes=["response", "chat_history"])
async def say(state: State, words: str) -> AsyncIterator[Any]:
    for word in words.split():
        await asyncio.sleep(DELAY)
        yield {"delta": word + " "}, None
    yield _with_response(state, words, "text")


def _with_response(state: State, content: str, content_type: str) -> tuple[Item, State]:
    response = {"role": "assistant", "content": content, "type": content_type}
    return {"response": response}, state.update(response=response).append(chat_history=response)


def builder(path: str | None = None) -> ApplicationBuilder:
    """Return the chatbot's builder; with a path, sessions are saved in that file, and loaded from it."""
    graph = (
        ApplicationBuilder()
        .with_actions(
            prompt=process_prompt,
            check_safety=check_safety,
            decide_mode=decide_mode,
            generate_code=chat_response.bind(how="with code, and without any other words", content_type="code"),
            answer_question=chat_response.bind(how="in a few sentences", content_type="text"),
            generate_poem=chat_response.bind(how="in verse", content_type="text"),
            prompt_for_more=say.bind(words="None of the modes I know fits that. Can you say a little more?"),
            unsafe_response=say.bind(words="I am afraid I can't respond to that..."),
        )
        .with_transitions(
            ("prompt", "check_safety"),
            ("check_safety", "decide_mode", when(safe=True)),
            ("check_safety", "unsafe_response", default),
            ("decide_mode", "generate_code", when(mode="generate_code")),
            ("decide_mode", "answer_question", when(mode="answer_question")),
            ("decide_mode", "generate_poem", when(mode="generate_poem")),
            ("decide_mode", "prompt_for_more", default),
            (TERMINAL_ACTIONS, "prompt"),
        )
        .with_entrypoint("prompt")
    )
    if path is None:
        return graph.with_state(chat_history=[])
    persister = SQLitePersister(path)
    return graph.initialize_from(persister, default_state={"chat_history": []}).with_state_persister(persister)


def application(app_id: str = "chat", path: str | None = None) -> Application:
    """Return the chatbot of a session."""
    return builder(path).with_identifiers(app_id=app_id).build()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Chat with a state machine.")
    parser.add_argument("--memory", default="chatbot.db", help="file in which conversations are saved (chatbot.db)")
    parser.add_argument("--session", default="me", help="id of the conversation (me)")
    arguments = parser.parse_args()

    app = application(arguments.session, arguments.memory)
    for item in app.state["chat_history"]:
        print(f"{'you' if item['role'] == 'user' else 'bot'}> {item['content']}")
    if (following := app.get_next_action()) and following.name != "prompt":
        await answer(app, {})  # the last run was killed in the middle of an answer
    while prompt := read():
        await answer(app, {"prompt": prompt})


async def answer(app: Application, inputs: dict[str, str]) -> None:
    """Run the chatbot, and print its answer as it comes."""
    last_action, stream = await app.astream_result(halt_after=TERMINAL_ACTIONS, inputs=inputs)
    print(f"bot ({last_action.name})> ", end="", flush=True)
    async with stream:
        async for item in stream:
            print(item["delta"], end="", flush=True)
    print()


def read() -> str:
    """Return the next line; empty at the end of the input."""
    try:
        return input("you> ").strip()
    except EOFError:
        print()
        return ""


if __name__ == "__main__":
    asyncio.run(main())
