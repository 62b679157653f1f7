"""A face of a group photo is added on the preview page of ``visard run``, in a real browser."""

import base64
import os
import re
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from browser import Tab, browser
from PIL import Image

from visard.daemon.personas.library import SHIPPED, Library
from visard.models.picture_file import read_picture

LIVE = "document.querySelectorAll('figure.moving').length === 2"
DROP = """(data => {
  const bytes = Uint8Array.from(atob(data), each => each.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], 'Tante_Maï.png', {type: 'image/png'}));
  document.querySelector('#choose').dispatchEvent(
    new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true}));
})"""
CHOOSE = """(select => { select.value = 'generated'; select.dispatchEvent(new Event('change')) })
  (document.querySelector('#consent'))"""


def group() -> str:
    """Three who ship, side by side, as a browser takes a file."""
    picture, content = Image.new("RGB", (3 * 512, 512)), BytesIO()
    for place, name in enumerate(("hanna", "marco", "nico")):
        with Image.open(SHIPPED / name / "picture.jpg") as one:
            picture.paste(one, (512 * place, 0))
    picture.save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def _narrow(tab: Tab) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=True)
    assert tab.value("document.documentElement.scrollWidth") <= 360
    assert tab.value("document.querySelector('#adding').getBoundingClientRect().width") <= 360
    tab.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.slow
def test_a_face_of_a_group_photo_is_tried_and_added(home: Path, tmp_path: Path) -> None:
    with browser(tmp_path / "browser") as chromium, chromium.tab() as tab:
        process = subprocess.Popen(
            [sys.executable, "-m", "visard.daemon", "run", "--source", "demo", "--sink", "preview"],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "VISARD_HOME": str(home)},
        )  # fmt: skip
        assert process.stderr
        link = re.search(r"http\S+", process.stderr.readline())
        assert link
        tab.visit(link[0])
        tab.until(LIVE)
        tab.value(f"{DROP}({group()!r})")
        tab.until("document.querySelectorAll('.face').length === 3")
        assert "There are 3 faces" in tab.text()
        assert list(home.glob("cache/trial-*/photo 1"))
        tab.click('.face[aria-label="Face 2"]')
        tab.until("document.querySelector('#trial img').naturalWidth > 1000")
        assert tab.value("document.querySelectorAll('.face[aria-pressed=true]').length") == 1
        _narrow(tab)
        assert tab.value("document.querySelector('#keep').disabled")
        tab.until(f"{CHOOSE} ?? true")
        assert tab.value("document.querySelector('#title').value") == "Tante Maï"
        tab.click("#keep")
        tab.until("!document.querySelector('#adding').open")
        tab.until("[...document.querySelectorAll('#personas b')].some(b => b.textContent === 'Tante Maï')")
        tab.until("document.querySelector('#tuning h3').textContent.includes('Tante Maï')")
        assert not list(home.glob("cache/trial-*"))
        assert tab.complaints == []
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    added = Library().get("Tante Maï")
    assert added.name == "Tante-Mai"
    kept, marco = (read_picture(path) for path in (added.picture, SHIPPED / "marco" / "picture.jpg") if path)
    assert abs(kept.shape[0] - marco.shape[0]) < 60  # cut out of the group, with nobody else in it
    assert kept.shape[1] < 2 * marco.shape[1]
