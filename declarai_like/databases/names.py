"""What databases and errors may show of the texts of others: keys of any ids, and no passwords."""

from __future__ import annotations

import hashlib

LONGEST_KEY = 1000  # bytes; an index of PostgreSQL takes some 2700, and may be of two keys


def key_of(id: str) -> str:
    """Give the text under which databases keep an id: the same text, but for what they cannot hold.

    Different ids have different keys.
    """
    key = id.replace("\\", "\\\\").replace("\0", "\\0").encode("utf-8", "backslashreplace")
    if len(key) > LONGEST_KEY:
        return "\\sha256:" + hashlib.sha256(key).hexdigest()
    return key.decode("utf-8")


def has_open_password(url: str) -> bool:
    """Whether a URL seems to have a password with a bare ``@`` or ``/``, and so could be read in two ways.

    Read in the wrong one, a part of the password is the name of a host or a port, which errors show.
    """
    _, is_url, rest = url.partition("://")
    before, at, _ = rest.partition("?")[0].rpartition("@")
    return bool(is_url and at) and ("@" in before or "/" in before)
