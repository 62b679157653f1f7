"""The real daemon, which tunes for two steps alone."""

from visard.daemon.cli import main
from visard.daemon.service import tuning_child

if __name__ == "__main__":
    tuning_child.STEPS = 2
    main(("daemon",))
