"""Adapters: endpoint classes that answer requests with a task, a chat, an application or a function."""
