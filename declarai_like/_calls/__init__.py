"""Calls of tasks and chats: one typed answer of a model, its value or stream, and the tracking of all calls."""
