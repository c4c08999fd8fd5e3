"""Names for files that servers propose: from `Content-Disposition` or a URL to a safe base name."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

__all__ = ["propose_name", "read_disposition", "safe_name"]

_FALLBACK = "download"
_LONGEST = 255
"""Bytes of a name in UTF-8, as most file systems have it; in UTF-16 it is never longer."""
_LONGEST_EXTENSION = 32

_PARAMETER = re.compile(
    r"""
    (?:^|;) [ \t]*
    (?: ( [!#$%&'*+\-.^_`|~0-9A-Za-z]+ ) [ \t]* = [ \t]* )?
    ( "(?:[^"\\]|\\.)*"? | [^;]* )
    """,
    re.VERBOSE | re.DOTALL,
)
"""A parameter, or what stands between semicolons in its place; a quoted text may lack its end."""

_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'((?:[^%'*\"\\;, ()<>@:/?=\[\]{}]|%[0-9a-f]{2})*)")
"""An extended value in lower case (RFC 8187 3.2.1)."""

_SEPARATORS = re.compile(r"[/\\]")
_DRIVE = re.compile(r"[A-Za-z]:")
_FORBIDDEN = frozenset('<>:"|?*\ufffd')
"""What Windows has no name with, and what stands for a character that was lost."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Controls, what changes the direction or is not seen, halves of characters, line ends."""
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE
)
"""Devices of Windows, whatever extension follows."""


def propose_name(disposition: str | None, url: str) -> str:
    """Return the name for a file that is fetched.

    Args:
        disposition: The `Content-Disposition` of the response, `None` where there is none.
        url: The URL that was asked for; its last segment is the name where the field has none.
    """
    given = None if disposition is None else read_disposition(disposition)
    segment = urlsplit(url).path.rpartition("/")[2]
    for text in (given, unquote(segment)):
        name = safe_name(text or "")
        if name:
            return name
    return _FALLBACK


def read_disposition(field: str) -> str | None:
    """Return the file name in a `Content-Disposition`, as it stands there, `None` where none is.

    `filename*` goes before `filename` (RFC 6266 4.3), and does not count where it is malformed.
    What else is malformed is read as far as it can be.
    """
    plain = None
    for found in _PARAMETER.finditer(field):
        name = (found[1] or "").lower()
        if name == "filename*":
            extended = _read_extended(found[2].strip())
            if extended is not None:
                return extended
        elif name == "filename" and plain is None:
            plain = _read_plain(found[2])
    return plain


def safe_name(text: str) -> str:
    """Return a text as the name of a file in a folder, on any system; empty where nothing is left.

    It is the last segment of a path, of either kind of system, has no character that is not seen
    or that Windows has not, is not hidden, is no device, and has at most 255 bytes.
    """
    segments = [one.strip() for one in _SEPARATORS.split(unicodedata.normalize("NFC", text))]
    base = next((one for one in reversed(segments) if one.strip(". ")), "")
    base = _DRIVE.sub("", base, count=1) if _DRIVE.match(base) else base
    base = "".join("_" if _is_unfit(one) else one for one in base)
    # Windows drops dots and blanks at the end; other blanks than those only mislead.
    base = re.sub(r"[.\s]+\Z", "", base).lstrip()
    bare = base.lstrip(".")
    if bare != base:
        base = f"_{bare}"
    if _RESERVED.fullmatch(base.partition(".")[0].rstrip()):
        base = f"_{base}"
    return _cut(base)


def _read_plain(text: str) -> str:
    if text.startswith('"'):
        text = text[1:-1] if _is_closed(text) else text[1:]
        text = _QUOTED_PAIR.sub(r"\1", text)
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text  # No server sent that.
    try:
        return raw.decode().strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()  # As fields were before UTF-8 (RFC 9110 5.5).


def _is_closed(text: str) -> bool:
    """Return whether a quoted text ends with a quote that is not escaped."""
    without = _QUOTED_PAIR.sub("", text)
    return len(without) > 1 and without.endswith('"')


def _read_extended(text: str) -> str | None:
    found = _EXTENDED.fullmatch(text.lower())
    if found is None:
        return None
    try:
        return unquote(text[found.start(2) :], encoding=found[1], errors="strict")
    except UnicodeDecodeError:
        return None


def _is_unfit(character: str) -> bool:
    return character in _FORBIDDEN or unicodedata.category(character) in _UNSEEN


def _cut(name: str) -> str:
    """Return a name of at most 255 bytes, cut between characters, with its extension."""
    size = len(name.encode())
    if size <= _LONGEST:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension
    if not stem or len(ending.encode()) > _LONGEST_EXTENSION:
        stem, ending = name, ""
    room = _LONGEST - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending
