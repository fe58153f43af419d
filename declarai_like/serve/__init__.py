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

from .configured import application as application
from .configured import chat as chat
from .configured import function as function
from .configured import task as task
from .errors import ServeError as ServeError
from .events import Event as Event
from .limits import Limits as Limits
from .redis import RedisStreams as RedisStreams
from .router import router as router
