"""Tasks, chats, applications and functions over HTTP: answers stream to browsers, and can be resumed and stopped.

from declarai_like import serve

app = FastAPI()
app.include_router(serve.router(say, SQLBot, builder), prefix="/api")

It needs the extra ``serve``: FastAPI.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("fastapi") is None:
    raise ImportError("declarai_like.serve needs FastAPI: pip install 'declarai-like[serve]'")

from .adapters.configured import application as application
from .adapters.configured import chat as chat
from .adapters.configured import function as function
from .adapters.configured import task as task
from .delivery.redis import RedisStreams as RedisStreams
from .errors import ServeError as ServeError
from .events import Event as Event
from .limits import Limits as Limits
from .router import router as router
