"""``python -m visard.daemon`` is the same as ``visard``."""

from visard.daemon.cli import program

program()
