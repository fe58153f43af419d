"""An assistant that writes SQL, streams its answers, and remembers the conversation across runs.

Runs with the offline model; with OpenAI if OPENAI_API_KEY is set (DECLARAI_DEMO_MODEL is the name of the model).
Type a message; an empty line or Ctrl-D ends the program, and the next run continues the conversation.
"""

from __future__ import annotations

import argparse
import os
import sys

import declarai_like as declarai
from declarai_like import Chat, Stream
from declarai_like.window import Messages

REPLIES = {
    "how many": "SELECT count(*) FROM orders;",
    "best": "SELECT customer_id, sum(total) AS spent\nFROM orders GROUP BY customer_id ORDER BY spent DESC LIMIT 10;",
    "late": "SELECT id, ordered, shipped FROM orders\nWHERE shipped IS NULL AND ordered < now() - interval '3 days';",
    "": "Ask me how many orders there are, who the best customers are, or which orders are late.",
}

if os.environ.get("OPENAI_API_KEY"):
    model = declarai.openai(os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5"))
else:
    model = declarai.offline(REPLIES, delay=0.03 if sys.stdout.isatty() else 0.0)


@model.chat(streaming=True, keep_partial=True, window=Messages(40))
class SQLBot(Chat[Stream[str]]):
    """You are a SQL assistant for {{ dialect }}.

    The tables are: {{ tables }}
    Answer with one statement that can be run, and nothing else.
    """

    greeting = "Hello! What do you want to know from the database?"
    tables = "customers(id, name), orders(id, customer_id, total, ordered, shipped)"


def main() -> None:
    parser = argparse.ArgumentParser(description="Chat with an assistant that writes SQL.")
    parser.add_argument("--memory", default="sql_bot.db", help="the file of the memory (sql_bot.db)")
    parser.add_argument("--session", default="me", help="the conversation to continue (me)")
    parser.add_argument("--dialect", default="PostgreSQL", help="the SQL to write (PostgreSQL)")
    parser.add_argument("--forget", action="store_true", help="start a new conversation")
    options = parser.parse_args()

    with declarai.memory.SQLite(options.memory, session=options.session) as memory:
        bot = SQLBot(dialect=options.dialect, memory=memory)
        if options.forget:
            bot.clear()
        for message in bot:
            print(f"{'you' if message.role == 'user' else 'bot'}> {message.content}")
        while question := read():
            say(bot.send(question))


def read() -> str:
    """Return the next line; empty at the end of the input."""
    try:
        return input("you> ").strip()
    except EOFError:
        print()
        return ""


def say(answer: Stream[str]) -> None:
    """Print an answer while it arrives. Ctrl-C stops it; the memory keeps the partial answer."""
    print("bot> ", end="", flush=True)
    with answer:
        try:
            for text in answer.deltas():
                print(text, end="", flush=True)
        except KeyboardInterrupt:
            print(" ...", end="")
        except declarai.DeclaraiError as error:
            print(f"\n     {type(error).__name__}: {error}", end="")
    print()


if __name__ == "__main__":
    main()
