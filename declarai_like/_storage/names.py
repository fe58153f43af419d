"""What databases and errors may show of the texts of others: keys of any ids, and no passwords."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import ConfigurationError

T = TypeVar("T")

MAX_KEY_LENGTH = 1000  # bytes; an index of PostgreSQL takes some 2700, and may be of two keys


def key_of(id: str) -> str:
    """Give the text under which databases keep an id: the same text, but for what they cannot hold.

    Different ids have different keys.
    """
    key = id.replace("\\", "\\\\").replace("\0", "\\0").encode("utf-8", "backslashreplace")
    if len(key) > MAX_KEY_LENGTH:
        import hashlib

        return "\\sha256:" + hashlib.sha256(key).hexdigest()
    return key.decode("utf-8")


def has_open_password(url: str) -> bool:
    """Whether a URL seems to have a password with a bare ``@`` or ``/``, and so could be read in two ways.

    Read in the wrong one, a part of the password is the name of a host or a port, which errors show.
    """
    _, is_url, rest = url.partition("://")
    before, at, _ = rest.partition("?")[0].rpartition("@")
    return bool(is_url and at) and ("@" in before or "/" in before)


def check_text(setting: str, given: Any) -> None:
    """Refuse what is no text, for instance an environment variable that is not set. It is not shown: it may be secret.

    Raises:
        ConfigurationError: the message names the setting.
    """
    if not isinstance(given, str):
        raise ConfigurationError(f"{setting} is {None if given is None else type(given).__name__}; it is a text")


def attempt(what: str, do: Callable[[], T], *, failed: type[Exception], secrets: Sequence[str]) -> T:
    """Do something with a database; ``what`` says in errors who could not do what.

    Raises:
        failed: whatever came of it, without the secrets; an error of a narrower kind stays one.
    """
    try:
        return do()
    except Exception as error:  # each driver has errors of its own
        reason, cause = str(error) or type(error).__name__, error
    hidden = reason
    for secret in secrets:
        hidden = hidden.replace(secret, "***")
    is_ours = isinstance(cause, failed)
    kind = type(cause) if is_ours else failed
    # The cause is shown in tracebacks, so it may not say more than the error does
    raise kind(f"{what}: {hidden}") from (None if is_ours or hidden != reason else cause)
