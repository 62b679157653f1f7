"""Fetches a file over HTTP into a partial file: goes on where it broke off, and believes no server."""

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING

from visard.engines.cache import files
from visard.engines.file_access import private_file
from visard.models.errors import ModelError, NetworkUnavailable

if TYPE_CHECKING:
    import httpx

    from visard.models.processor import Report

MAX_BYTES = 2**32
"""Of a model's file."""
TRIES = 4
"""How often a transfer that breaks off is taken up again without a byte more."""
ROOM = 64 << 20
"""Bytes to leave free on the disk."""
_MOST_TRIES = 100
_REDIRECTS = 10
_PATIENCE = 20.0
"""Seconds without a byte after which a transfer counts as broken off."""
_RANGE = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


class _BrokenOff(Exception):
    """The transfer ended early; what came is kept."""


@dataclass(slots=True)
class _State:
    """Where the bytes of a partial file come from, kept beside it."""

    url: str = ""
    validator: str = ""
    """What the server calls this version of the file: an ETag or a date."""
    total: int | None = None

    @classmethod
    def load(cls, place: Path) -> "_State":
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(place.read_text()))
        return cls()


def download(url: str, part: Path, report: "Report", *, name: str, size: int | None = None) -> None:
    """Fetch a file.

    ``part`` holds what came, also when this raises: the next call goes on from there. ``size`` is how many
    bytes there must be. Raises NetworkUnavailable, ModelError for a full disk, and what ``report`` raises.
    """
    _Transfer(url, part, report, name, size).run()


def discard(part: Path) -> None:
    """Remove a partial file and what is known of it."""
    files.remove(part)
    files.remove(_beside(part))


def check_room(folder: Path, need: int, name: str) -> None:
    """Raise ModelError where there is no room for so many bytes more."""
    free = shutil.disk_usage(folder).free
    if free < need + ROOM:
        raise ModelError(
            f"there is no room for {name} in {folder}: "
            f"it takes {need / 1e6:.0f} MB, {free / 1e6:.0f} MB are free"
        )


@contextmanager
def full_disk_told(name: str, part: Path) -> Iterator[None]:
    """Turn a disk that is full into one sentence, and give back what was written."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        discard(part)
        raise ModelError(f"the disk became full while {name} was written; make room and try again") from error


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


class _Transfer:
    """One file from one address."""

    def __init__(self, url: str, part: Path, report: "Report", name: str, size: int | None) -> None:
        self._url, self._part, self._report, self._name, self._size = url, part, report, name, size
        state = _State.load(_beside(part))
        self._state = state if state.url == url else _State(url)
        self._host = url.split("/")[2] if "//" in url else url

    def run(self) -> None:
        """Fetch it all. Raises NetworkUnavailable, ModelError and what ``report`` raises."""
        most, left = self._here(), TRIES
        for _ in range(_MOST_TRIES):
            self._report(0.0, f"asking {self._host}")
            try:
                self._once()
                return
            except _BrokenOff as error:
                reason = str(error)
            left = TRIES if self._here() > most else left - 1
            most = max(most, self._here())
            if not left:
                break
        raise self._failed(
            f"broke off after {self._here() / 1e6:.1f} MB ({reason}); try again, it goes on from there"
        )

    def _once(self) -> None:
        import httpx

        try:
            with httpx.Client(timeout=_PATIENCE) as client:
                self._ask(client)
        except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise self._failed(f"cannot be reached ({error})") from error
        except httpx.TransportError as error:
            raise _BrokenOff(str(error) or type(error).__name__) from error
        except (
            ImportError,
            ValueError,
        ) as error:  # a proxy of a kind that is not installed or not one at all
            raise self._failed(f"cannot be reached: {error}") from error

    def _ask(self, client: "httpx.Client") -> None:
        """Ask for what is missing and write it down."""
        done = self._done()
        headers = {"Accept-Encoding": "identity", "User-Agent": "visard"}
        if done and self._state.validator:
            headers |= {"Range": f"bytes={done}-", "If-Range": self._state.validator}
        with self._opened(client, headers) as answer:
            if answer.status_code == _RANGE:
                if done and done == self._state.total:
                    return
                discard(self._part)
                raise _BrokenOff("the server has another file now")
            self._check(answer)
            self._receive(answer, done)

    @contextmanager
    def _opened(self, client: "httpx.Client", headers: dict[str, str]) -> "Iterator[httpx.Response]":
        """Follow redirections, but none from encrypted to plain."""
        import httpx

        request = client.build_request("GET", self._url, headers=headers)
        for _ in range(_REDIRECTS):
            answer = client.send(request, stream=True)
            onward = answer.next_request
            if onward is None:
                break
            answer.close()
            if request.url.scheme == "https" and onward.url.scheme != "https":
                raise self._failed(f"leads to {onward.url.host} without encryption, which is not followed")
            request = onward
        else:
            raise self._failed("leads in a circle")
        try:
            yield answer
        except httpx.StreamError as error:
            raise _BrokenOff(str(error)) from error
        finally:
            answer.close()

    def _check(self, answer: "httpx.Response") -> None:
        status = answer.status_code
        if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise self._failed(_refused(status, answer.headers.get("retry-after", "")))
        if "text/html" in answer.headers.get("content-type", ""):
            raise self._failed(
                "answers with a web page instead of the file; a login or a portal may be in the way"
            )

    def _receive(self, answer: "httpx.Response", done: int) -> None:
        start, total = _extent(answer)
        if start and not (start == done and total == self._state.total and self._same(answer)):
            discard(self._part)
            raise _BrokenOff("the server gave another part than the one asked for")
        if start == 0:
            discard(self._part)
            self._begin(answer, total)
        try:
            with open(self._part, "ab", opener=private_file) as file:
                self._write(answer, file, start, total)
        except NetworkUnavailable:  # what came is worth nothing
            discard(self._part)
            raise
        most = total if total is not None else self._size
        if most is not None and self._here() < most:
            raise _BrokenOff(f"{self._here()} of {most} bytes came")

    def _same(self, answer: "httpx.Response") -> bool:
        """Whether a part is of the version of the file that the first part was of."""
        names = answer.headers.get("etag"), answer.headers.get("last-modified")
        unnamed = names == (None, None) and not self._state.validator.startswith('"')  # an ETag must be said
        return unnamed or self._state.validator in names

    def _begin(self, answer: "httpx.Response", total: int | None) -> None:
        """Note what this is, so that a later call can go on with it."""
        if total is not None and self._size is not None and total != self._size:
            raise self._failed(f"offers {total} bytes, expected are {self._size}: it is another file")
        if total is not None and total > MAX_BYTES:
            raise self._failed(
                f"offers {total / 1e9:.1f} GB, no model is larger than {MAX_BYTES / 1e9:.1f} GB"
            )
        check_room(self._part.parent, total or self._size or 0, self._name)
        etag = answer.headers.get("etag", "")
        validator = etag if etag and not etag.startswith("W/") else answer.headers.get("last-modified", "")
        self._state = _State(self._url, validator, total)
        with files.replacing(_beside(self._part)) as file:
            file.write(json.dumps(asdict(self._state)).encode())

    def _write(self, answer: "httpx.Response", file: IO[bytes], done: int, total: int | None) -> None:
        limit = total or self._size or MAX_BYTES
        tell = _told(self._report, total or self._size)
        for block in answer.iter_raw():
            if done == 0 and block.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
                raise self._failed("answers with a web page instead of the file")
            done += len(block)
            if done > limit:
                raise self._failed(f"gives more than the {limit} bytes that it said or there may be")
            file.write(block)
            tell(done)

    def _here(self) -> int:
        """Return how many bytes are here."""
        try:
            return self._part.stat().st_size
        except OSError:
            return 0

    def _done(self) -> int:
        """Return how many bytes of this very file are here."""
        return self._here() if self._state.validator else 0

    def _failed(self, words: str) -> NetworkUnavailable:
        return NetworkUnavailable(f"{self._host} {words}")


def _told(report: "Report", total: int | None) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if total:
            report(min(done / total, 1.0), f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")
        else:
            report(0.0, f"{done / 1e6:.0f} MB")

    return tell


def _extent(answer: "httpx.Response") -> tuple[int, int | None]:
    """Return where the bytes of an answer begin, and how long the whole file is said to be."""
    if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
        with suppress(ValueError):
            span, _, total = answer.headers.get("content-range", "").removeprefix("bytes ").partition("/")
            return int(span.partition("-")[0]), int(total)
        return -1, None
    length = answer.headers.get("content-length", "")
    return 0, int(length) if length.isdigit() else None


def _refused(status: int, wait: str) -> str:
    reasons: dict[int, str] = {
        HTTPStatus.NOT_FOUND: "does not have it any more (404)",
        HTTPStatus.GONE: "does not have it any more (410)",
        HTTPStatus.UNAUTHORIZED: "wants a login (401)",
        HTTPStatus.FORBIDDEN: "does not give it to everybody (403)",
        HTTPStatus.TOO_MANY_REQUESTS: f"asks to wait {wait + ' s' if wait.isdigit() else 'a while'} (429)",
    }
    return reasons.get(status, f"answers {status}")
