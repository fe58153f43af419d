"""The state of an application: immutable values by name, as JSON, and as pydantic models."""
