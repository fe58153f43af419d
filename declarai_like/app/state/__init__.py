"""The state of an application: immutable values, their types, and their JSON."""
