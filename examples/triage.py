"""Letters become typed values; a wrong answer is sent back to the model with the reason.

Runs with the offline model; with OpenAI if OPENAI_API_KEY is set (DECLARAI_DEMO_MODEL is the name of the model).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

import declarai_like as declarai

LETTERS = [
    "The server has been down since six. We cannot ship anything!",
    "Thank you for the quick help yesterday.",
    "qwertz",
]


def reply(messages: list[dict[str, Any]]) -> object:
    """Reply as a model might: the first answer about the server is out of bounds, nonsense gets a plain sentence."""
    letter = messages[0]["content"]
    if "qwertz" in letter:
        return "I am sorry, but I cannot sort this."
    if "Thank you" in letter:
        return {"team": "nobody", "urgency": 1, "about": "a word of thanks"}
    return {"team": "operations", "urgency": 9 if len(messages) == 1 else 5, "about": "the server is down"}


if os.environ.get("OPENAI_API_KEY"):
    model = declarai.openai(os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5"))
else:
    model = declarai.offline(reply)


@dataclass
class Slip:
    """The slip that is attached to a letter."""

    team: Literal["operations", "sales", "nobody"]
    urgency: Annotated[int, Field(ge=1, le=5, description="5 cannot wait")]
    about: str


@model.task(retries=1)
def sort(letter: str, house_rules: list[str]) -> Slip:
    """Sort the letter of a customer.

    Args:
        letter: as it came
        house_rules: they come before your own judgement

    Returns:
        who must answer it, and how soon
    """
    return declarai.magic(letter, house_rules)


def main() -> None:
    for letter in LETTERS:
        try:
            slip = sort(letter, house_rules=["A word of thanks needs no answer."])
        except declarai.errors.OutputError as error:
            print(f"- {letter!r} after {len(error.attempts)} attempts: {error.reason}")
        else:
            print(f"{slip.urgency} {slip.team:12}{slip.about}")


if __name__ == "__main__":
    main()
