"""Fetching models from servers that die, lie, refuse and change; nothing unchecked is ever seen."""

import errno
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from model_files import Behaviour, Server, onnx_file, serving, sha256

from visard.engines.errors import ModelRefused
from visard.models.errors import LicenceNotAccepted, ModelError, NetworkUnavailable
from visard.models.store import Store, open_store
from visard.models.store.spec import ModelFile, catalogue

SPEC = catalogue()["xseg_1"]
FILE = "/xseg_1.onnx"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    path = onnx_file(tmp_path / "published", "xseg_1")
    return path.read_bytes()


def store_of(tmp_path: Path, *urls: str, **facts: Any) -> Store:
    """Return a store whose only model is published at these addresses."""
    file: ModelFile = replace(SPEC.files[0], urls=urls, **facts)
    return Store(tmp_path / "store", specs={"xseg_1": replace(SPEC, files=(file,))})


def nothing_is_seen(store: Store) -> None:
    assert not store.get("xseg_1").here
    assert not [path for path in store.folder.rglob("*.onnx") if not path.name.startswith(".")]


def test_a_file_is_fetched_and_pinned(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(data)]
    store = store_of(tmp_path, server.url + FILE)
    told: list[tuple[float, str]] = []
    held = store.fetch("xseg_1", lambda share, step: told.append((share, step)))
    assert held.here
    assert store.path("xseg_1").read_bytes() == data
    assert held.record.pins == {"xseg_1.onnx": sha256(data)}
    assert held.record.files["xseg_1.onnx"].origin == server.url + FILE
    assert any("MB" in step for _, step in told)
    assert told[-1][0] == 1.0
    store.fetch("xseg_1")
    assert len(server.asked) == 1
    assert {path.name for path in (store.folder / "xseg_1").iterdir()} == {"xseg_1.onnx", "record.json"}


def test_a_transfer_that_dies_goes_on_where_it_was(server: Server, data: bytes, tmp_path: Path) -> None:
    half = len(data) // 2
    server.paths[FILE] = [Behaviour(data, dies_after=half), Behaviour(data)]
    store = store_of(tmp_path, server.url + FILE, sha256=sha256(data), size=len(data))
    assert store.fetch("xseg_1").here
    second = server.asked[1][1]
    assert second["range"] == f"bytes={half}-"
    assert second["if-range"] == '"one"'
    assert store.path("xseg_1").read_bytes() == data
    assert store.get("xseg_1").record.pins == {}  # it is the published one


def test_what_came_is_kept_for_the_next_call(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(data, dies_after=100), Behaviour(data, dies_after=0)]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(
        NetworkUnavailable, match=r"127.0.0.1:\d+ broke off after 0.0 MB .*goes on from there"
    ):
        store.fetch("xseg_1")
    nothing_is_seen(store)
    server.paths[FILE] = [Behaviour(data)]
    store.fetch("xseg_1")
    assert server.asked[-1][1]["range"] == "bytes=100-"
    assert store.path("xseg_1").read_bytes() == data


def test_a_file_that_changed_between_begins_anew(server: Server, data: bytes, tmp_path: Path) -> None:
    newer = onnx_file(tmp_path / "newer", "xseg_1", fill=2).read_bytes()
    server.paths[FILE] = [Behaviour(data, dies_after=200), Behaviour(newer, etag='"two"')]
    store = store_of(tmp_path, server.url + FILE)
    store.fetch("xseg_1")
    assert store.path("xseg_1").read_bytes() == newer


def test_a_server_that_knows_no_ranges_begins_anew(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(data, dies_after=200), Behaviour(data, ranges=False)]
    store = store_of(tmp_path, server.url + FILE)
    store.fetch("xseg_1")
    assert store.path("xseg_1").read_bytes() == data


def test_a_server_that_names_no_version_begins_anew(server: Server, data: bytes, tmp_path: Path) -> None:
    unnamed = {"ETag": ""}
    server.paths[FILE] = [Behaviour(data, dies_after=200, headers=unnamed), Behaviour(data, headers=unnamed)]
    store = store_of(tmp_path, server.url + FILE)
    store.fetch("xseg_1")
    assert "range" not in server.asked[1][1]
    assert store.path("xseg_1").read_bytes() == data


def test_a_wrong_part_begins_anew(server: Server, data: bytes, tmp_path: Path) -> None:
    lie = {"Content-Range": f"bytes 7-{len(data) - 1}/{len(data)}"}
    server.paths[FILE] = [Behaviour(data, dies_after=200), Behaviour(data, headers=lie), Behaviour(data)]
    store = store_of(tmp_path, server.url + FILE)
    store.fetch("xseg_1")
    assert store.path("xseg_1").read_bytes() == data


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (404, {}, "does not have it any more"),
        (403, {}, "does not give it to everybody"),
        (401, {}, "wants a login"),
        (429, {"Retry-After": "30"}, "asks to wait 30 s"),
        (500, {}, "answers 500"),
        (200, {"Content-Type": "text/html; charset=utf-8"}, "a web page instead of the file"),
    ],
)
def test_refusals_are_told(
    server: Server, data: bytes, tmp_path: Path, status: int, headers: dict[str, str], words: str
) -> None:
    server.paths[FILE] = [Behaviour(data, status=status, headers=headers)]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(NetworkUnavailable, match=rf"xseg_1.onnx cannot be fetched: 127.0.0.1:\d+ .*{words}"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_the_second_address_helps(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths["/b" + FILE] = [Behaviour(data)]
    store = store_of(tmp_path, server.url + "/a" + FILE, server.url + "/b" + FILE)
    assert store.fetch("xseg_1").record.files["xseg_1.onnx"].origin == f"{server.url}/b{FILE}"


@pytest.mark.parametrize("says", [10_000_000, 9_000_000_000])
def test_a_length_that_is_a_lie_is_found(server: Server, data: bytes, tmp_path: Path, says: int) -> None:
    server.paths[FILE] = [Behaviour(data, says=says)]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(NetworkUnavailable, match=r"broke off|no model is larger"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_another_size_than_the_published_one_is_not_even_fetched(
    server: Server, data: bytes, tmp_path: Path
) -> None:
    server.paths[FILE] = [Behaviour(data)]
    store = store_of(tmp_path, server.url + FILE, size=len(data) + 1)
    with pytest.raises(NetworkUnavailable, match=f"offers {len(data)} bytes, expected are {len(data) + 1}"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_a_short_length_gives_no_model(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(data, says=len(data) - 300)]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(ModelRefused, match=r"truncated"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_a_page_called_a_model_is_found(server: Server, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(b"\n<!doctype HTML><title>Sign in</title>")]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(NetworkUnavailable, match=r"answers with a web page"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_another_hash_than_the_published_one_is_refused(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(data)]
    store = store_of(tmp_path, server.url + FILE, sha256="ab" * 32)
    with pytest.raises(
        ModelRefused, match=f"not xseg_1.onnx as it was published: sha256 {sha256(data)}, expected abab"
    ):
        store.fetch("xseg_1")
    nothing_is_seen(store)
    assert not list((store.folder / "xseg_1").glob(".*part"))


def test_a_model_of_another_family_is_refused(server: Server, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(onnx_file(tmp_path / "x", "codeformer").read_bytes())]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(ModelRefused, match=r"what 127.0.0.1:\d+ gave is not xseg_1: found an ONNX network"):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_a_file_that_is_not_the_pinned_one_is_refused(server: Server, data: bytes, tmp_path: Path) -> None:
    other = onnx_file(tmp_path / "other", "xseg_1", fill=3).read_bytes()
    server.paths[FILE] = [Behaviour(data), Behaviour(other)]
    store = store_of(tmp_path, server.url + FILE)
    store.fetch("xseg_1")
    store.remove("xseg_1")
    with pytest.raises(ModelRefused, match=r"not the xseg_1.onnx that was first used here: sha256"):
        store.fetch("xseg_1")
    nothing_is_seen(store)
    store.remove("xseg_1", forget=True)
    assert store.fetch("xseg_1").here


def test_redirections_are_followed_but_not_in_circles(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths["/start"] = [Behaviour(status=302, headers={"Location": FILE})]
    server.paths["/round"] = [Behaviour(status=302, headers={"Location": "/round"})]
    server.paths[FILE] = [Behaviour(data)]
    assert store_of(tmp_path, server.url + "/start").fetch("xseg_1").here
    with pytest.raises(NetworkUnavailable, match=r"leads in a circle"):
        store_of(tmp_path / "2", server.url + "/round").fetch("xseg_1")


def test_an_encrypted_address_never_leads_to_a_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https", "the plain address was asked"
        return httpx.Response(302, headers={"Location": "http://example.org/xseg_1.onnx"})

    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: client(transport=httpx.MockTransport(answer)))
    store = store_of(tmp_path, "https://example.org/xseg_1.onnx")
    with pytest.raises(NetworkUnavailable, match=r"leads to example.org without encryption"):
        store.fetch("xseg_1")


def test_a_mirror_is_asked_instead(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths["/files" + FILE] = [Behaviour(data)]
    store = open_store(tmp_path / "store", mirror=f"{server.url}/files/")
    assert store.fetch("xseg_1").here
    with pytest.raises(
        NetworkUnavailable, match=r"vox-adv-cpk.pth.tar cannot be fetched: 127.0.0.1:\d+ does not"
    ):
        store.fetch("fomm_vox_adv")
    assert [path for path, _ in server.asked] == ["/files/xseg_1.onnx", "/files/vox-adv-cpk.pth.tar"]


def test_the_environment_names_a_mirror_and_a_proxy(
    server: Server, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISARD_MODELS_MIRROR", "http://mirror.invalid/x")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.paths["http://mirror.invalid/x/xseg_1.onnx"] = [Behaviour(data)]
    assert open_store(tmp_path / "store").fetch("xseg_1").here


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(NetworkUnavailable, match=r"cannot be reached"):
        store_of(tmp_path, url + FILE).fetch("xseg_1")


def test_a_licence_comes_before_the_first_byte(server: Server, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", mirror=server.url)
    with pytest.raises(LicenceNotAccepted, match=r"S-Lab License 1.0.*github.com/sczhou"):
        store.fetch("codeformer")
    assert server.asked == []
    server.paths["/codeformer.onnx"] = [Behaviour(onnx_file(tmp_path / "x", "codeformer").read_bytes())]
    assert store.fetch("codeformer", accept_licence=True).accepted


def test_a_disk_without_room_is_told_before(
    server: Server, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths[FILE] = [Behaviour(data)]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(ModelError, match=r"there is no room for xseg_1.onnx in "):
        store.fetch("xseg_1")
    nothing_is_seen(store)


def test_a_disk_that_becomes_full_is_told_and_given_back(
    server: Server, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths[FILE] = [Behaviour(data)]

    def full(_share: float, step: str) -> None:
        if "MB" in step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = store_of(tmp_path, server.url + FILE)
    with pytest.raises(ModelError, match=r"the disk became full while xseg_1.onnx was written"):
        store.fetch("xseg_1", full)
    nothing_is_seen(store)
    assert list((store.folder / "xseg_1").iterdir()) == []


def test_what_is_cancelled_goes_on_later(server: Server, data: bytes, tmp_path: Path) -> None:
    big = data + b"\x1a\x02ab" * 300_000  # a text field of the format, over and over
    server.paths[FILE] = [Behaviour(big)]
    store = store_of(tmp_path, server.url + FILE)

    def stop(share: float, step: str) -> None:
        if "of" in step and share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch("xseg_1", stop)
    nothing_is_seen(store)
    store.fetch("xseg_1")
    assert int(server.asked[1][1]["range"].removeprefix("bytes=").rstrip("-")) > len(big) // 2
    assert store.path("xseg_1").read_bytes() == big


def test_two_who_want_the_same_fetch_it_once(server: Server, data: bytes, tmp_path: Path) -> None:
    server.paths[FILE] = [Behaviour(data)]
    stores = [store_of(tmp_path, server.url + FILE) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        held = list(pool.map(lambda store: store.fetch("xseg_1"), stores))
    assert all(each.here for each in held)
    assert len(server.asked) == 1
