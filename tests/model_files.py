"""Small files as published models have them, and a server that gives, refuses, lies and dies."""

import hashlib
import pickle
import socket
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from visard.models.store.spec import ModelSpec, Shape, catalogue


def onnx_file(path: Path, model: str, fill: int = 0, *, half: bool = False) -> Path:
    """Write a network with the inputs, outputs and special weight of a model of the catalogue."""
    signature = catalogue()[model].files[0].signature
    inputs = [
        helper.make_tensor_value_info(name or "x", TensorProto.FLOAT, [size or 1 for size in shape] or [1])
        for name, shape in signature.inputs.items()
    ]
    output = helper.make_tensor_value_info(
        "output", TensorProto.FLOAT, [size or 1 for size in signature.output]
    )
    shape = signature.weight or (4, 4)
    kind = np.float16 if half else np.float32
    weights = [numpy_helper.from_array(np.full(shape, fill, kind), "w")]
    value = numpy_helper.from_array(np.zeros([size or 1 for size in signature.output], np.float32), "v")
    node = helper.make_node("Constant", [], ["output"], value=value)
    graph = helper.make_graph([node], "g", inputs, [output], initializer=weights)
    onnx.save(helper.make_model(graph), path)
    return path


class _Call:
    """A pickle of this calls a name."""

    def __init__(self, called: Any, *given: Any) -> None:
        self._called, self._given = called, given

    def __reduce__(self) -> Any:
        return self._called, self._given


def checkpoint(path: Path, keys: dict[str, Shape], *, legacy: bool = False, evil: str | None = None) -> Path:
    """Write a checkpoint with tensors of these shapes, as torch does, without torch."""
    held: dict[str, Any] = {}
    for key, shape in keys.items():
        *parts, last = key.split("/")
        place = held
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = _Shape(shape)
    pickled = _dump(held, evil)
    if legacy:
        names = [str(index) for index in range(len(keys))]
        storages = b"".join(struct.pack("<q", 2) + bytes(8) for _ in names)
        head = [pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
        path.write_bytes(b"".join([*head, pickled, pickle.dumps(names, 2), storages]))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickled)
            archive.writestr("archive/data/0", bytes(8))
    return path


@dataclass
class _Shape:
    sizes: Shape


def _dump(value: Any, evil: str | None) -> bytes:
    """Write the instructions of a pickle that describes dicts of tensors."""
    count = iter(range(1 << 20))

    def text(words: str) -> bytes:
        return b"X" + struct.pack("<I", len(words.encode())) + words.encode()

    def whole(number: int) -> bytes:
        return b"J" + struct.pack("<i", number)

    def write(each: Any) -> bytes:
        if isinstance(each, dict):
            return b"}(" + b"".join(text(key) + write(one) for key, one in each.items()) + b"u"
        storage = (
            text("storage") + b"ctorch\nFloatStorage\n" + text(str(next(count))) + text("cuda:0") + whole(2)
        )
        sizes = b"(" + b"".join(map(whole, each.sizes)) + b"t"
        given = b"(" + b"(" + storage + b"Nt" + b"Q" + whole(0) + sizes + sizes + b"\x89}t"
        return b"ctorch._utils\n_rebuild_tensor_v2\n" + given + b"R"

    called = evil and b"c" + evil.replace(" ", "\n").encode() + b"\n" + b"(" + text("x") + b"tR0"
    return b"\x80\x02" + (called or b"") + write(value) + b"."


def keys_of(spec: ModelSpec, file: int = 0, **more: Shape) -> dict[str, Shape]:
    """Return keys that make a checkpoint one of this model's files."""
    signature = spec.files[file].signature
    wanted = {**signature.keys, **signature.key_hints}
    return {key: tuple(size or 3 for size in shape) for key, shape in wanted.items()} | more


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Behaviour:
    """How the server treats a path; each list entry is for one request, the last one for all that follow."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = '"one"'
    ranges: bool = True
    dies_after: int | None = None
    """Bytes of the answer after which the connection is cut."""
    reset: bool = False
    """The connection is not closed then but torn down."""
    stalls: bool = False
    """Nothing comes after that, and nothing ends."""
    says: int | None = None
    """The length that is said instead of the true one; -1: none is said."""
    other: bytes = b""
    """What a part is taken from, in place of the body."""


class Server:
    """A web server on a port of its own."""

    def __init__(self) -> None:
        self.paths: dict[str, list[Behaviour]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.closing = Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(30)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append((request.path, {key.lower(): value for key, value in request.headers.items()}))
        behaviours = self.paths.get(request.path, [Behaviour(status=404)])
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        wanted = request.headers.get("Range", "")
        same = request.headers.get("If-Range") in (None, behaviour.etag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and behaviour.ranges and same else 0
        body = ((start and behaviour.other) or behaviour.body)[start:]
        headers = {"ETag": behaviour.etag, "Content-Type": "application/octet-stream"}
        status = behaviour.status
        if start and status == 200:
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(behaviour.body) - 1}/{len(behaviour.body)}"
        says = len(body) if behaviour.says is None else behaviour.says
        headers["Content-Length"] = "" if says < 0 else str(says)
        request.send_response(status)
        for key, value in {**headers, **behaviour.headers}.items():
            if value:
                request.send_header(key, value)
        request.end_headers()
        request.wfile.write(body[: behaviour.dies_after])
        if behaviour.stalls:
            self.closing.wait(60)
        if behaviour.reset:
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
        if behaviour.dies_after is not None or says < 0 or says > len(body):
            request.close_connection = True


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.close()
