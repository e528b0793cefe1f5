"""Readers that come, go and move: a placeholder until the service uses it."""
