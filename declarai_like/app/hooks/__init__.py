"""Hooks of applications: their registry, a hook that saves each step, and the timeline."""
