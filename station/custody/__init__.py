"""Proof of one submission for a stranger: the bundle that is written, and the program that checks it."""
