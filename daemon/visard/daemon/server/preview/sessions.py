"""Who may look at the preview page: links good for one visit, and the sessions they become."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINK_LIFE = 180.0
"""Seconds within which a link must be opened."""
SESSION_LIFE = 12 * 3600.0
"""Seconds after its last visit for which a session is still known."""
MOST = 16
"""Links and sessions that live at once; the oldest make room."""


class Sessions:
    """Secrets in memory only; one thread. ``now`` gives seconds that never go back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._links: OrderedDict[str, float] = OrderedDict()
        self._sessions: OrderedDict[str, float] = OrderedDict()
        self._visits = 0
        self._last = now()

    def invite(self) -> str:
        """Return a token that admits once, soon."""
        self._last = self._now()
        return _remember(self._links, self._last + LINK_LIFE)

    def admit(self, token: str) -> str | None:
        """Take the token and return a new session; None when it is wrong, used or too old."""
        ends = self._links.pop(token, 0.0)
        return _remember(self._sessions, self._now() + SESSION_LIFE) if self._now() < ends else None

    def known(self, session: str) -> bool:
        """Whether this session may look; asking keeps it."""
        ends = self._sessions.pop(session, 0.0)
        if self._now() >= ends:
            return False
        self._sessions[session] = self._now() + SESSION_LIFE
        return True

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Count somebody as looking while the block runs."""
        self._visits += 1
        try:
            yield
        finally:
            self._visits -= 1
            self._last = self._now()

    def idle(self) -> float:
        """Return for how many seconds nobody has looked or asked for a link."""
        return 0.0 if self._visits else self._now() - self._last


def _remember(secrets_: OrderedDict[str, float], until: float) -> str:
    secret = secrets.token_urlsafe(32)
    secrets_[secret] = until
    while len(secrets_) > MOST:
        secrets_.popitem(last=False)
    return secret
