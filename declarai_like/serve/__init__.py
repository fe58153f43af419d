"""Serve tasks, chats, applications and functions over HTTP, as FastAPI routes that stream server-sent events.

from declarai_like import serve

app = FastAPI()
app.include_router(serve.router(say, SQLBot, builder), prefix="/api")

Needs the extra ``serve``: FastAPI.
"""

# Map of the package:
#
#   router.py    the routes; settings.py, limits.py, errors.py and events.py are what all modules share
#   adapters/    one endpoint class for each kind of object: task, chat, application, function
#   delivery/    answers that outlive a connection: registry, task, buffer, HTTP response, sharing over Redis
#   protocols/   the AI SDK's and OpenAI's requests and streams, and the OpenAPI models of the router's own events
#
# A request: route (router.py, protocols/front_ends.py) -> adapter (`Endpoint.answer`) -> answer (answers.py), whose
# values an `EventBuilder` turns into events -> `StreamTask` runs it and numbers the events -> `EventBuffer` keeps them
# for all readers -> an `Encoder` writes them as bytes (native, ui.py, completions.py) -> `EventStream` sends the
# response.

from __future__ import annotations

from importlib.util import find_spec

if find_spec("fastapi") is None:
    raise ImportError("declarai_like.serve needs FastAPI: pip install 'declarai-like[serve]'")

from .adapters.factories import application as application
from .adapters.factories import chat as chat
from .adapters.factories import function as function
from .adapters.factories import task as task
from .delivery.redis import RedisStreams as RedisStreams
from .errors import ServeError as ServeError
from .events import Event as Event
from .limits import Limits as Limits
from .router import router as router
