"""Stores of strings under keys, in files and databases; memories and persisters are made of them.

    stores.py       the two protocols: `AppendLog` (memories) and `SnapshotStore` (persisters)
    stored.py       `Stored`, the base class of memories and persisters: closes the store, translates its errors
    sql.py          both stores for SQL databases: the statements
    sqlite.py       ... their tables in SQLite, and its connections
    postgresql.py   ... their tables in PostgreSQL, and its connections
    redis.py        both stores in Redis, and its connections
    files.py        an append log in the files of a folder
    in_process.py   a snapshot store in this process
    names.py        keys for any ids, and checks of URLs

A store knows nothing of messages and applications, and a memory or a persister nothing of databases.
"""
