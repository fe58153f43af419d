"""Typed answers that fill in while they arrive.

The partial values are in `types.partials`, the events in `views.events`, the marks for return types in `types.marks`.
The other modules are imported when a stream is first read that way, so that importing the package stays fast.
"""
