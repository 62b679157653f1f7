"""``visard run --sink preview`` as a process, its page in a real browser."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from browser import browser
from test_programs import pictures

LIVE = "document.querySelectorAll('figure.moving').length === 2"
HANNA = "fetch('/status').then(answer => answer.json()).then(status => status.persona === 'hanna')"
CLICK = "Array.from(document.querySelectorAll('button')).find(b => b.innerText.includes('Hanna')).click()"


@pytest.mark.slow
def test_the_page_shows_and_steers_what_runs(home: Path, tmp_path: Path) -> None:
    with browser(tmp_path / "browser") as chromium, chromium.tab() as tab:
        process = subprocess.Popen(
            [sys.executable, "-m", "visard.daemon", "run", "--source", "demo", "--persona", "marco",
             "--sink", "preview", "--sink", "out.mp4", "--json"],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "VISARD_HOME": str(home)},
        )  # fmt: skip
        assert process.stderr
        link = re.search(r"http\S+", process.stderr.readline())
        assert link
        tab.visit(link[0])
        tab.until(LIVE)
        tab.until(CLICK + " ?? true")
        tab.until(HANNA)
        assert tab.complaints == []
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert report["persona"] == "hanna"
    assert {problem["code"] for problem in report["problems"]} <= {"slow-processor"}, "on a busy machine"
    assert pictures(tmp_path / "out.mp4") > 0
