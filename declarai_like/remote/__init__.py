"""Typed streams over HTTP: a function that yields items, served by one process and called from another.

from declarai_like import remote

@remote.stream
async def count(to: int) -> AsyncIterator[Number]:
    for value in range(to):
        yield Number(value=value)

app.include_router(remote.router(count), prefix="/streams")

async with count.at("http://host/streams").stream(to=3) as reader:
    async for number in reader.read_items(): ...

The modules::

    decorator  the decorator, and what it reads from a function: arguments, values (items that are not models)
    client     the client of a function; http_stream, clients, timer: its HTTP connection; http_errors: error responses
    server     one function as an ASGI application; routes: several of them; producer: runs the function
    errors     the errors that a stream can have because it is remote
"""

from __future__ import annotations

from .client import Client as Client
from .client import RemoteCall as RemoteCall
from .client import client as client
from .decorator import RemoteStream as RemoteStream
from .decorator import stream as stream
from .errors import ConnectTimeout as ConnectTimeout
from .errors import FirstTokenTimeout as FirstTokenTimeout
from .errors import IdleTimeout as IdleTimeout
from .errors import InvalidArguments as InvalidArguments
from .errors import NotAStream as NotAStream
from .errors import RemoteTimeout as RemoteTimeout
from .errors import RequestRefused as RequestRefused
from .errors import ServerUnreachable as ServerUnreachable
from .errors import TotalTimeout as TotalTimeout
from .routes import asgi as asgi
from .routes import router as router
from .values import AsyncValueReader as AsyncValueReader
from .values import ValueReader as ValueReader
