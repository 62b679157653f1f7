"""What a persona is called: its name, which a folder has and people type, and its title, in any script."""

import re
import unicodedata
from collections.abc import Collection

from visard.daemon.errors import PersonaError

LONGEST_TITLE = 200
_RESERVED = r"con|prn|aux|nul|(com|lpt)\d"
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that are no text in a line: control characters, halves of pairs, line breaks."""
_STEERING = re.compile("[\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufeff\ufff9-\ufffb]")
"""What turns the text around it over, or hides in it. Joiners, marks of direction and tags are text."""


def is_name(name: str) -> bool:
    """Whether a folder can be called that everywhere, and everybody can type it."""
    plain = re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9_-])?", name)
    return bool(plain) and not re.fullmatch(_RESERVED, name, re.IGNORECASE)


def is_title(title: str) -> bool:
    """Whether people can see this line of text, and it leaves what is around it alone."""
    kinds = {unicodedata.category(each) for each in title}
    seen = any(kind[0] in "LNPS" for kind in kinds)
    return seen and len(title) <= LONGEST_TITLE and not kinds & _REFUSED and not _STEERING.search(title)


def check_title(title: str) -> str:
    """Return ``title`` in the one form of all that look alike, or raise PersonaError."""
    if not is_title(title):
        raise PersonaError(
            f"{title!a} cannot be a title: use one line of at most {LONGEST_TITLE} characters that show"
        )
    return unicodedata.normalize("NFC", title).strip()


def same(one: str, other: str) -> bool:
    """Whether people would take two names or titles for the same, upper and lower case being alike."""
    return _folded(one) == _folded(other)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def name_for(title: str, taken: Collection[str]) -> str:
    """Return a new name that a folder can have for a title in whatever script."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-_")[:56].strip("-_") or "persona"
    if re.fullmatch(_RESERVED, stem, re.IGNORECASE):
        stem = f"persona-{stem}"
    used = {name.lower() for name in taken}
    names = [stem, *(f"{stem}-{number}" for number in range(2, len(used) + 3))]
    return next(name for name in names if name.lower() not in used)
