"""Running an application: the flows that move it from step to step, in sync and async code."""
