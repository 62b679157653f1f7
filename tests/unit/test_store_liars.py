"""Servers that lie, stall and tear down, disks that fill: nothing wrong is seen, and an error tells it."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_files import Behaviour, Server, onnx_file, serving, sha256
from test_store_fetch import FILE, nothing_is_seen, store_of

from visard.engines.errors import ModelRefused
from visard.models.errors import ModelError, NetworkUnavailable
from visard.models.store import Store, download, open_store


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    return onnx_file(tmp_path / "published", "xseg_1").read_bytes()


def wrong(data: bytes) -> bytes:
    """Return a file of the same length with one byte changed."""
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_the_second_address_is_asked_when_the_first_lies(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths["/a" + FILE] = [Behaviour(wrong(data))]
    server.paths["/b" + FILE] = [Behaviour(data)]
    store = store_of(tmp_path, server.url + "/a" + FILE, server.url + "/b" + FILE, sha256=sha256(data))
    assert store.fetch("xseg_1").record.files["xseg_1.onnx"].origin == f"{server.url}/b{FILE}"
    assert store.path("xseg_1").read_bytes() == data
    assert [path for path, _ in server.asked] == ["/a" + FILE, "/b" + FILE]


def test_when_all_lie_each_is_named_with_what_it_gave(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths["/a" + FILE] = [Behaviour(wrong(data))]
    server.paths["/b" + FILE] = [Behaviour(b"<html>")]
    store = store_of(tmp_path, server.url + "/a" + FILE, server.url + "/b" + FILE, sha256=sha256(data))
    with pytest.raises(ModelRefused) as raised:
        store.fetch("xseg_1")
    words = str(raised.value)
    for each in (sha256(wrong(data)), sha256(data), "a web page", "visard models import FILE --as xseg_1"):
        assert each in words
    nothing_is_seen(store)
    assert not list((store.folder / "xseg_1").glob(".*"))


def test_a_part_of_another_file_never_becomes_a_model(server: Server, data: bytes, tmp_path: Path) -> None:
    """The server says it is the same version and is not: only the hash can tell."""
    server.paths[FILE] = [
        Behaviour(data, dies_after=200),
        Behaviour(data, other=wrong(data)),
        Behaviour(data),
    ]
    store = store_of(tmp_path, server.url + FILE, sha256=sha256(data), size=len(data))
    with pytest.raises(ModelRefused, match=f"sha256 {sha256(wrong(data))}, expected {sha256(data)}"):
        store.fetch("xseg_1")
    nothing_is_seen(store)
    store.fetch("xseg_1")
    assert "range" not in server.asked[-1][1]
    assert store.path("xseg_1").read_bytes() == data


@pytest.mark.parametrize("etag", ['"two"', ""])
def test_a_part_of_no_or_another_version_begins_anew(
    server: Server, data: bytes, tmp_path: Path, etag: str
) -> None:
    headers = {"ETag": etag}
    server.paths[FILE] = [Behaviour(data, dies_after=200), Behaviour(data, headers=headers), Behaviour(data)]
    store = store_of(tmp_path, server.url + FILE)
    store.fetch("xseg_1")
    assert [headers.get("range") for _, headers in server.asked] == [None, "bytes=200-", None]
    assert store.path("xseg_1").read_bytes() == data


def test_a_connection_that_is_torn_down_goes_on(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(data, dies_after=300, reset=True), Behaviour(data)]
    store = store_of(tmp_path, server.url + FILE, sha256=sha256(data))
    store.fetch("xseg_1")
    assert len(server.asked) == 2
    assert store.path("xseg_1").read_bytes() == data


@pytest.mark.parametrize("after", [0, 300])
def test_a_server_that_falls_silent_is_left(
    server: Server, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(download, "_PATIENCE", 0.2)
    server.paths[FILE] = [Behaviour(data, dies_after=after, stalls=True)]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(NetworkUnavailable, match=r"broke off after .*it goes on from there.*import FILE"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_a_file_without_a_said_length_has_to_have_the_published_one(
    server: Server, data: bytes, tmp_path: Path
) -> None:
    server.paths[FILE] = [Behaviour(data[:-100], says=-1), Behaviour(data, says=-1)]
    store = store_of(tmp_path, server.url + FILE, size=len(data))
    assert store.fetch("xseg_1").here
    assert store.path("xseg_1").read_bytes() == data


def test_a_file_that_never_ends_is_given_up(
    server: Server, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", len(data))
    server.paths[FILE] = [Behaviour(data + bytes(10_000), says=-1)]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(NetworkUnavailable, match=f"gives more than the {len(data)} bytes"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


@pytest.mark.parametrize("place", ["/a", "/a/b/c"])
def test_redirections_that_never_end_are_told(server: Server, tmp_path: Path, place: str) -> None:
    server.paths["/a"] = [Behaviour(status=302, headers={"Location": "/a/b/c"})]
    server.paths["/a/b/c"] = [Behaviour(status=302, headers={"Location": "/a"})]
    with pytest.raises(NetworkUnavailable, match=r"leads in a circle"):
        store_of(tmp_path, server.url + place).fetch("xseg_1")
    assert len(server.asked) < 20


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_a_mirror_with_and_without_a_slash(server: Server, data: bytes, tmp_path: Path, end: str) -> None:
    server.paths["/files" + FILE] = [Behaviour(data)]
    assert open_store(tmp_path / "store", mirror=f"{server.url}/files{end}").fetch("xseg_1").here


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_are_used_but_where_none_is_wanted(
    server: Server, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv(proxy, server.url)
    server.paths["http://models.invalid/xseg_1.onnx"] = [Behaviour(data)]
    assert store_of(tmp_path, "http://models.invalid/xseg_1.onnx").fetch("xseg_1").here
    monkeypatch.setenv("NO_PROXY", "models.invalid")
    with pytest.raises(NetworkUnavailable, match=r"models.invalid cannot be reached"):
        store_of(tmp_path / "2", "http://models.invalid/xseg_1.onnx").fetch("xseg_1")


def test_a_proxy_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://nowhere")
    with pytest.raises(NetworkUnavailable, match=r"models.invalid cannot be reached"):
        store_of(tmp_path, "http://models.invalid/xseg_1.onnx").fetch("xseg_1")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("says", [None, -1])
def test_a_disk_that_is_really_full(
    server: Server,
    data: bytes,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    says: int | None,
) -> None:
    big = data + b"\x1a\x02ab" * 500_000
    monkeypatch.setattr(download, "ROOM", 0)
    server.paths[FILE] = [Behaviour(big, says=says)]
    store = store_of(small, server.url + FILE)
    with pytest.raises(ModelError, match=r"became full while|there is no room for xseg_1.onnx in"):
        store.fetch("xseg_1")
    nothing_is_seen(store)
    path = tmp_path / "big"
    path.write_bytes(big)
    monkeypatch.setattr(download, "check_room", lambda *_: None)
    with pytest.raises(ModelError, match=r"the disk became full while xseg_1.onnx was written"):
        store.import_(path, name="xseg_1")
    nothing_is_seen(store)
    path.write_bytes(data)
    store.import_(path, name="xseg_1")  # the room was given back
    assert store.get("xseg_1").here


def test_a_disk_that_is_full_when_the_record_is_written(
    server: Server, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server.paths[FILE] = [Behaviour(data)]
    store: Store = store_of(tmp_path, server.url + FILE)
    with monkeypatch.context() as only:
        only.setattr(os, "fsync", full)
        with pytest.raises(ModelError, match=r"the disk became full while xseg_1.onnx was written"):
            store.fetch("xseg_1")
    nothing_is_seen(store)
    assert store.fetch("xseg_1").here
