"""The daemon without cameras as a process, for tests of programs that talk to one."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).with_name("fake_daemon.py")


@contextmanager
def fake_daemon(home: Path) -> Iterator[Callable[[str], None]]:
    """Run one for this VISARD_HOME; gives a function that sends it a line and waits until it was obeyed."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        env={**os.environ, "VISARD_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"

        def tell(line: str) -> None:
            assert process.stdin
            assert process.stdout
            process.stdin.write(line + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"done {line}\n"

        try:
            yield tell
        finally:
            process.terminate()
            process.wait(20)
