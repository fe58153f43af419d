"""Views of a stream: the value so far, its changes, its elements, its events."""
