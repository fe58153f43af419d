"""Running an application: the flows that run its steps, in sync and async code."""
