"""`station verify BUNDLE`: what a custody bundle proves, from public certificates alone. It needs no settings."""

from station.custody.command import add_arguments, run

__all__ = ["add_arguments", "run"]
