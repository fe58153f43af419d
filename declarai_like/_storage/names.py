"""Keys that every database can store, for any ids, and a check of URLs that have a password."""

from __future__ import annotations

MAX_KEY_LENGTH = 1000  # bytes; PostgreSQL refuses index entries above 2704 bytes, and an entry may have two keys


def key_of(id: str) -> str:
    """Return the key under which databases store an id. Different ids have different keys.

    The key is the id, with NUL and lone surrogates escaped, as PostgreSQL cannot store them. A long id is hashed.
    """
    key = id.replace("\\", "\\\\").replace("\0", "\\0").encode("utf-8", "backslashreplace")
    if len(key) > MAX_KEY_LENGTH:
        import hashlib

        return "\\sha256:" + hashlib.sha256(key).hexdigest()
    return key.decode("utf-8")


def has_open_password(url: str) -> bool:
    """True if a URL seems to have a password with an unescaped ``@`` or ``/``, so that it is ambiguous.

    A driver may take a part of such a password for the name of a host or a port, which its errors show.
    """
    _, is_url, rest = url.partition("://")
    user_info, at, _ = rest.partition("?")[0].rpartition("@")
    return bool(is_url and at) and ("@" in user_info or "/" in user_info)
