"""Typed answers that fill in as they arrive.

What a reader sees is in `values`, what happens in `events`, what a type may say of it in `marks`. The rest is
imported when a stream is first read that way.
"""
