"""Calls: one typed answer of a model, and the bookkeeping around each call of a task or chat."""
