"""Conditions of transitions: comparisons, expressions and functions of the state."""
