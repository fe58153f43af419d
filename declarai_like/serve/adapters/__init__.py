"""Adapters: tasks, chats, applications and functions as something that answers requests."""
