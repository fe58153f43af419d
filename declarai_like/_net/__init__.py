"""Networking that providers and remote streams share: HTTP clients, time limits, server-sent events."""
