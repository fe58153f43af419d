"""Core: flows, their drivers, replay, retries, locks and threads. It knows nothing of models."""
