"""Protocols of other libraries' clients: the AI SDK's and OpenAI's, and the OpenAPI models of the router's events."""
