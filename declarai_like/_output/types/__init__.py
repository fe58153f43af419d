"""Handlers and builders compiled from pydantic's core schema, to read a typed answer while it is written."""
