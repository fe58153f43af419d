"""A chatbot as a state machine: it looks whether a prompt is safe, decides what is wanted, and streams its answer.

Runs with the embedded stand-in; with OpenAI when OPENAI_API_KEY is set (DECLARAI_DEMO_MODEL chooses the model).
Type to chat; an empty line or Ctrl-D ends it. After each step the state is saved, so that the next run goes on where
this one stood, also when it was killed in the middle of an answer.
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
"""What was said: ``role``, ``content``, ``type``."""

TERMINAL_ACTIONS = ["answer_question", "generate_poem", "generate_code", "prompt_for_more", "unsafe_response"]

DELAY = float(os.environ.get("DECLARAI_DEMO_DELAY", "0.03"))
"""Seconds between two words of the stand-in."""

REPLIES = {
    "in verse": "Two hundred tokens, in a row,\nhow patiently they come and go.",
    "with code": "def answer() -> int:\n    return 42",
    "in a few sentences": "It depends, as always, on what was meant. But mostly it is forty-two.",
}
MODES = {"poem": "generate_poem", "limerick": "generate_poem", "code": "generate_code", "?": "answer_question"}


def play(messages: list[dict[str, str]]) -> str:
    """Be the model: decide by a word in the prompt, and answer as was decided."""
    asked = messages[-1]["content"]
    if asked.startswith("Decide"):
        said = asked.partition("## prompt")[2].partition("##")[0].lower()
        return next((mode for word, mode in MODES.items() if word in said), "unknown")
    return next(reply for how, reply in REPLIES.items() if how in asked.partition("\n")[0])


if os.environ.get("OPENAI_API_KEY"):
    model = declarai.openai(os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5"))
else:
    model = declarai.offline(play, delay=DELAY)


@model.task
async def choose_mode(prompt: str) -> Mode:
    """Decide what is wanted.

    :param prompt: what the user wrote
    """
    return declarai.magic(prompt)


@model.task(streaming=True)
async def write(prompt: str, how: str, chat_history: list[Item]) -> str:
    """Answer {how}.

    :param prompt: what the user wrote
    :param chat_history: what was said before
    """
    return declarai.magic(prompt, how, chat_history)


@action(reads=[], writes=["prompt", "chat_history"])
def process_prompt(state: State, prompt: str) -> State:
    said = {"role": "user", "content": prompt, "type": "text"}
    return state.wipe(keep=["chat_history"]).update(prompt=prompt).append(chat_history=said)


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
    yield _said(state, text, content_type)


@streaming_action(reads=["prompt", "chat_history"], writes=["response", "chat_history"])
async def say(state: State, words: str) -> AsyncIterator[Any]:
    for word in words.split():
        await asyncio.sleep(DELAY)
        yield {"delta": word + " "}, None
    yield _said(state, words, "text")


def _said(state: State, content: str, content_type: str) -> tuple[Item, State]:
    response = {"role": "assistant", "content": content, "type": content_type}
    return {"response": response}, state.update(response=response).append(chat_history=response)


def builder(path: str | None = None) -> ApplicationBuilder:
    """Describe the chatbot; with a path, one that is kept in that file and goes on where it stood."""
    described = (
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
        return described.with_state(chat_history=[])
    persister = SQLitePersister(path)
    return described.initialize_from(persister, default_state={"chat_history": []}).with_state_persister(persister)


def application(app_id: str = "chat", path: str | None = None) -> Application:
    """Make one chatbot."""
    return builder(path).with_identifiers(app_id=app_id).build()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Chat with a state machine.")
    parser.add_argument("--memory", default="chatbot.db", help="the file that remembers (chatbot.db)")
    parser.add_argument("--session", default="me", help="which conversation to go on with (me)")
    asked = parser.parse_args()

    app = application(asked.session, asked.memory)
    for item in app.state["chat_history"]:
        print(f"{'you' if item['role'] == 'user' else 'bot'}> {item['content']}")
    if (following := app.get_next_action()) and following.name != "prompt":
        await answer(app, {})  # the last run did not come to its end
    while prompt := read():
        await answer(app, {"prompt": prompt})


async def answer(app: Application, inputs: dict[str, str]) -> None:
    """Let the chatbot answer, and print what it says as it comes."""
    decided, stream = await app.astream_result(halt_after=TERMINAL_ACTIONS, inputs=inputs)
    print(f"bot ({decided.name})> ", end="", flush=True)
    async with stream:
        async for item in stream:
            print(item["delta"], end="", flush=True)
    print()


def read() -> str:
    """Give the next line; empty at the end."""
    try:
        return input("you> ").strip()
    except EOFError:
        print()
        return ""


if __name__ == "__main__":
    asyncio.run(main())
