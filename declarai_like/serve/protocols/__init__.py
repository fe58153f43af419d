"""Protocols of front ends: the AI SDK's UI message stream and OpenAI's Chat Completions."""
