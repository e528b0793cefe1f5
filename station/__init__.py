"""The booking station: knows fingers, people and records, and wires the rest together."""

__version__ = "0.1.0"
"""The one place of the version: `station --version`, the package's metadata and the tag of a release come from here."""
