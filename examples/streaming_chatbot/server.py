"""The chatbot in a browser: the state machine of `application`, served with its page.

It runs with the offline model, or with OpenAI if OPENAI_API_KEY is set. `make web` builds the page. Conversations are
saved in a file, so that they can continue after a restart, even if the server is killed in the middle of an answer.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn
from application import builder, model
from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from declarai_like import serve

PAGE_FILES = Path(__file__).parent / "static"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""The page loads nothing from other servers, so the policy forbids it."""


def make_app(path: str) -> FastAPI:
    """Return the server; conversations are saved in the file ``path``."""
    app = FastAPI(title="Streaming chatbot")
    chatbot = serve.application(builder(path), name="chatbot", shows=["chat_history", "mode", "safe"])
    app.include_router(serve.router(chatbot), prefix="/api")
    if PAGE_FILES.is_dir():
        app.mount("/", Page(directory=PAGE_FILES, html=True))
    return app


class Page(StaticFiles):
    """The page's files, with security headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the chatbot and its page.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (8080)")
    parser.add_argument("--memory", default="chatbot.db", help="file in which conversations are saved (chatbot.db)")
    arguments = parser.parse_args()

    app = make_app(arguments.memory)
    if not PAGE_FILES.is_dir():
        print("The page is not built yet (make web); the API works without it.")
    print(f"The chatbot, with {model!r}: http://{arguments.host}:{arguments.port}/", flush=True)
    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
