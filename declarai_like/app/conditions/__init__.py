"""Conditions of transitions: comparisons, expressions without eval, and functions."""
