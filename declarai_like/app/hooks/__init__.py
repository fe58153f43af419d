"""Hooks: the events of a run, saving after each step, and the timeline."""
