"""Delivery: answers that run independently of connections, their buffers, and their HTTP responses."""
