"""Delivery: streams that outlive a connection, their buffers, and their HTTP responses."""
