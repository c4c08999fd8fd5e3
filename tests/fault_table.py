"""What each client made of each fault, as the tests saw it, and the page that tells it.

A test that meets a fault gives what came of it to `record`, which compares it with the row of
`docs/reference/faults.md`. This writes the page anew from what a run of those tests sees:

    python -m tests.fault_table
"""

import copy
import functools
import pickle
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from arya_api_framework.errors import FrameworkException

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "faults.md"
MODULES = ["tests/client/test_faults.py", "tests/client/test_fault_table.py"]

INTRODUCTION = """\
# Faults

<!-- Written by `python -m tests.fault_table` from what the tests saw. -->

What servers and networks do wrong, and the error that a call ends with.
Each row was met over real sockets by both clients, and by `SyncClient` with a stock session and with one of the user's.
Whatever the row, the call ended within its timeout and in bounded memory, the request was sent once (the clients had `retry=None`), no text of the error or its causes and no log record held a secret, the error could be pickled and copied, and the next call got its own answer.

`sent` is `error.sent`: whether the server may have read the request.
"no error" means that the call got the right answer; what the server did on top of it was thrown away with the connection.
The clients were given a timeout of the whole call, hence `RequestTimeout`; one for a part gives the class of that part.
"""  # noqa: E501 - one sentence a line, as in all pages

TEXTS = """
# No connection
refused: nobody listens at the port
unknown-host: the host name does not resolve
host-without-address: the host name resolves to no address
silent-port: the port neither takes nor refuses the connection, until the connect timeout

# No TLS
tls-none: the port speaks plain HTTP, not TLS
tls-garbage: the handshake is answered with bytes that are no TLS
tls-alert: the handshake is refused with an alert
tls-closed: the connection is closed in the handshake
tls-reset: the connection is reset in the handshake
tls-silent: the handshake is not answered, until the connect timeout
tls-unknown-authority: the certificate is signed by nobody we trust
tls-self-signed: the certificate is signed by itself
tls-other-name: the certificate is for another name
tls-expired: the certificate has expired
tls-broken-record: a TLS record in the body is broken
tls-cut: the connection ends inside the body, without the end that TLS has

# The connection ends too early
/close-before-head: closed before any byte of the response
/close-in-status-line: closed inside the status line
/close-in-head: closed inside the head
/close-after-interim: closed after an interim response (103)
/close-in-body: closed inside a body with a length
/close-in-chunk-size: closed inside the size of a chunk
/close-in-chunk: closed inside a chunk
/close-between-chunks: closed between two chunks
/close-before-trailers: closed after the last chunk, before its end
/close-in-trailers: closed inside the trailers
/reset-before-head: reset before any byte of the response
/reset-in-status-line: reset inside the status line
/reset-in-head: reset inside the head
/reset-after-interim: reset after an interim response (103)
/reset-before-body: reset after the head
/reset-in-body: reset inside a body with a length
/reset-in-chunk: reset inside a chunk
/reset-between-chunks: reset between two chunks
/reset-before-trailers: reset after the last chunk, before its end

# Nothing comes, or hardly anything
/hang-before-head: silent before any byte of the response
/hang-in-status-line: silent inside the status line
/hang-in-head: silent inside the head
/hang-after-interim: silent after an interim response (103)
/hang-before-body: silent after the head
/hang-in-body: silent inside a body with a length
/hang-before-chunks: silent before the first chunk
/hang-in-chunk-size: silent inside the size of a chunk
/hang-in-chunk: silent inside a chunk
/hang-between-chunks: silent between two chunks
/hang-before-trailers: silent after the last chunk, before its end
/hang-to-close: silent inside a body that ends with the connection
/drip-head: the head comes one byte at a time
/drip-interim: interim responses come one byte at a time
/drip-body: the body comes one byte at a time
/drip-chunks: chunks come one byte at a time
/drip-chunk-line: the line of a chunk's size comes one byte at a time
/drip-trailers: trailers come one byte at a time
/drip-to-close: a body that ends with the connection comes one byte at a time

# What comes is no response
/garbage: bytes of a TLS handshake
/binary: random bytes
/other-protocol: the greeting of another protocol (SSH)
/body-alone: a body without a head
/http2: a status line of HTTP/2
/version-lower-case: `http/1.1` in lower case
/version-unknown: `HTTP/1.x`
/no-status: no status in the status line
/status-unspaced: no blank before the status
/status-negative: a negative status
/status-arabic: a status of Arabic digits
/status-000: status 000
/status-99: a status of two digits
/status-099: status 099
/status-600: status 600
/status-1000: a status of four digits
/no-colon: a header field without a colon
/name-empty: a header field without a name
/name-no-token: a header name with brackets
/blank-before-colon: a blank between header name and colon
/nul-in-field: NUL in a header value
/return-in-field: a lone carriage return in a header value
/folded-field: a header value over two lines
/bare-line-feeds: lines that end with a line feed only
/switching: 101 Switching Protocols, which nobody asked for
/interim-flood: eleven interim responses
/interim-endless: interim responses without end

# The length of the body is not clear
/length-word: `Content-Length` is a word
/length-negative: `Content-Length` is negative
/length-signed: `Content-Length` has a plus sign
/length-hexadecimal: `Content-Length` is hexadecimal
/length-empty: `Content-Length` is empty
/length-endless: `Content-Length` has 400 digits
/lengths-differ: two lengths that differ
/lengths-equal: two lengths that are equal
/lengths-listed: two lengths in one field
/length-and-chunked: a length and chunks
/coding-unknown: a transfer coding other than chunked
/coding-twice: chunked twice
/coding-not-last: chunked, but not last
/coding-listed: a transfer coding before chunked
/http10-chunked: chunks in HTTP/1.0
/chunk-size-word: the size of a chunk is a word
/chunk-size-signed: the size of a chunk has a plus sign
/chunk-size-negative: the size of a chunk is negative
/chunk-size-prefixed: the size of a chunk begins with `0x`
/chunk-size-underscore: the size of a chunk holds an underscore
/chunk-size-decimal-point: the size of a chunk holds a point
/chunk-size-empty: the size of a chunk is empty
/chunk-size-huge: the size of a chunk has 17 digits
/chunk-without-end: a chunk is longer than its size
/chunk-bare-line-feeds: the lines of chunks end with a line feed only
/chunk-line-endless: the line of a chunk's size is 20 KB long
/chunk-trailer-broken: a trailer that is no header field
/chunk-trailer-long: trailers of over 8 KiB

# More than a response may hold
/fields-many: 120 header fields
/field-long: a header field of 70 KB
/head-long: a head of 80 KB
/head-endless: header fields without end
/status-line-endless: a status line without end
/length-too-large: a length of 1 TB
/body-large: a body over `max_response_size`
/body-large-chunked: chunks over `max_response_size`
/body-large-to-close: a body over `max_response_size` that ends with the connection
/body-endless: chunks without end
/gzip-bomb: gzip that inflates to over `max_response_size`
/gzip-bomb-twice: gzip in gzip that inflates to over `max_response_size`
/gzip-bomb-gigabyte: 1 MB of gzip that inflates to 1 GiB
/gzip-padding: 1 MB of padding behind gzip

# The content coding is broken
/gzip-broken: gzip that is broken
/gzip-cut: gzip without its end
/gzip-cut-in-fields: gzip in gzip, the inner one without its end
/gzip-checksum: gzip with a wrong checksum
/gzip-excess: other bytes behind gzip
/gzip-plain: plain text that is said to be gzip
/deflate-cut: deflate without its end
/coding-compress: a coding that was not asked for
/coding-three: three codings, one over the other
/coding-thrice: three codings of different kinds
/br-bomb: a small brotli body that inflates to 1 GiB
/br-cut: brotli without its end
/br-excess: bytes behind the end of brotli
/br-plain: plain content that is called brotli
/zstd-bomb: a small zstd body that inflates to 1 GiB
/zstd-cut: zstd without its end
/zstd-checksum: zstd with a wrong checksum
/zstd-excess: bytes behind the end of zstd
/zstd-plain: plain content that is called zstd
/zstd-window: zstd that wants a window of more than 8 MiB

# The content is not what was expected
html: a page where JSON was expected
deep: 100,000 lists inside each other
surrogate: a text in JSON that is no text
another-model: JSON that does not fit the model

# Error answers with a broken body
/error-cut: a 500 whose body is cut
/hang-in-error-body: a 503 whose body stands still
/error-gzip-broken: a 429 whose gzip is broken
/error-gzip-bomb: a 500 whose small gzip body inflates beyond `max_response_size`
/error-body-large: a 500 whose body is over `max_response_size`
/error-chunks-broken-later: a 404 whose second chunk is broken
/error-chunks-broken-at-once: a 404 whose first chunk is broken
/error-trailers-broken-at-once: a 404 whose trailers are broken

# Redirects
/redirect-loop: a redirect to itself
/redirect-ring: two redirects to each other
/redirect-nowhere: a redirect without a `Location`
/redirect-twice: a redirect with two `Location`s
/redirect-file: a redirect to a `file:` URL
/redirect-broken: a redirect to a URL that is none
/redirect-port: a redirect to port 99999
/redirect-controls: a redirect to a URL with a control character
redirect-downgrade: a redirect from https to http
redirect-abroad: a redirect of an upload to another origin
redirect-iterator: a redirect of an upload from an iterator
/redirect-cut: a redirect whose body is cut
/redirect-endless: a redirect whose body has no end
/redirect-chunks-broken-at-once: a redirect whose chunks are broken

# Uploads
/early-error-close: an error comes before the upload is through, then the connection closes
/early-error-stall: an error comes before the upload is through, then nothing is read
/early-success: a success comes before the upload is through, then nothing is read
/early-success-close: a success comes before the upload is through, then the connection is reset
/early-garbage: no response comes while the upload is sent
/upload-reset: reset inside the upload
/upload-stall: the upload is not read
/no-reading: an error comes and the upload is reset unread

# Connections that were kept
/drops-the-second: the second request on a connection is read and dropped
/closes-when-idle: closed between two calls
/reset-when-idle: reset between two calls
/excess: a second response behind the first
/excess-after-chunks: a second response behind the chunks of the first
/excess-after-empty: a second response behind a 204
/excess-at-once: bytes behind a body with a length
/excess-chunk: bytes behind the last chunk
/excess-garbage: no response behind the first
/excess-line: an empty line behind the response
/excess-later: a second response a moment later
/excess-garbage-later: half a response a moment later
/lying-no-content: a 204 with a body
"""

HEAD = "| what happens | `SyncClient` | `AsyncClient` | `sent` |\n|---|---|---|---|\n"
ROW = re.compile(r"^\| (.+) \| `?([\w ]+)`? \| `?([\w ]+)`? \| ([\w ]+|-) \|$", re.MULTILINE)

SECRETS: dict[str, Any] = {
    "bearer_token": "token-of-mine",
    "headers": {"X-Api-Key": "key-of-mine"},
    "cookies": {"session": "cookie-of-mine"},
    "parameters": {"signature": "parameter-of-mine"},
}
"""What clients carry while they meet faults, and no text may show."""


class Outcome(NamedTuple):
    """What a call ended with."""

    error: str
    sent: str


RIGHT = Outcome("no error", "-")


class Row(NamedTuple):
    """What was made of one fault."""

    sync_client: Outcome
    async_client: Outcome


def texts() -> Iterator[tuple[str, str, str]]:
    """Give section, name and description of every fault, in the order of the page."""
    section = ""
    for line in TEXTS.strip().splitlines():
        if line.startswith("# "):
            section = line[2:]
        elif line:
            name, _, text = line.partition(": ")
            yield section, name, text


def render(rows: dict[str, Row]) -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    last = ""
    for section, name, text in texts():
        if section != last:
            parts.append(f"\n## {section}\n\n{HEAD}")
            last = section
        ours, theirs = rows[name]
        sent = ours.sent if ours.sent == theirs.sent else f"{ours.sent}, {theirs.sent}"
        parts.append(f"| {text} | {_mark(ours.error)} | {_mark(theirs.error)} | {sent} |\n")
    return "".join(parts)


def _mark(error: str) -> str:
    return error if error == RIGHT.error else f"`{error}`"


@functools.cache
def committed() -> dict[str, Row]:
    """Return what the page says."""
    names = {text: name for _, name, text in texts()}
    return {
        names[text]: Row(Outcome(ours, sent), Outcome(theirs, sent))
        for text, ours, theirs, sent in ROW.findall(PAGE.read_text(encoding="utf-8"))
        if text in names
    }


class Table:
    """What a run has seen.

    Attributes:
        writing: Whether the page is about to be written from it, and so tells nothing yet.
        seen: For each fault, what came of it in each lane.
    """

    def __init__(self) -> None:
        self.writing = False
        self.seen: dict[str, dict[str, Outcome]] = {}

    def record(self, name: str, lane: str, error: FrameworkException | None) -> None:
        """Take down what became of a call that met a fault, and compare it with the page."""
        named = [known for _, known, _ in texts()]
        assert name in named, f"say in TEXTS of {__name__} what happens in {name}"
        outcome = Outcome(type(error).__name__, error.sent) if error is not None else RIGHT
        self.seen.setdefault(name, {})[lane] = outcome
        if not self.writing:
            row = committed().get(name)
            said = row and (row.async_client if lane == "async" else row.sync_client)
            assert said == outcome, (
                f"{PAGE.name} says {said} of {name}, {outcome} was seen in the {lane} lane; "
                "`python -m tests.fault_table` writes the page anew"
            )

    def rows(self) -> dict[str, Row]:
        """Return what was seen of each fault in the whole run."""
        rows = {}
        for _, name, _ in texts():
            lanes = self.seen.get(name, {})
            assert lanes.keys() == {"fast", "compatible", "async"}, f"{name} was not met: {lanes}"
            assert lanes["fast"] == lanes["compatible"], f"{name} differs with the session: {lanes}"
            rows[name] = Row(lanes["fast"], lanes["async"])
        return rows


TABLE = Table()
record = TABLE.record


def shown(error: BaseException) -> str:
    """Return all that a traceback, or a log of it, shows of an error and its causes."""
    # The lines of a test hold what it looks for.
    bare: BaseException | None = error
    chain: list[BaseException] = []
    while bare is not None:
        assert all(bare is not one for one in chain), f"a chain in a circle: {chain!r}"
        chain.append(bare)
        bare = bare.__cause__ or bare.__context__
    lines = [line for one in chain for line in traceback.format_exception_only(one)]
    return "".join(lines) + "".join(repr(one) + repr(one.args) for one in chain)


def check_words(error: FrameworkException) -> None:
    """Check that the words of an error are its own, and that what was raised first is its cause."""
    cause = error.__cause__
    if cause is not None and not isinstance(cause, FrameworkException):
        words = str(cause)
        # A socket has these two words for it, and there are no better ones.
        assert not words or words == "timed out" or words not in str(error)
    assert error.url is not None
    assert error.url in str(error)


def check_travels(error: FrameworkException) -> None:
    """Check that an error of a call is the same when it is pickled or copied, without secrets."""
    pickled = pickle.dumps(error)
    assert b"of-mine" not in pickled
    for twin in (pickle.loads(pickled), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        for name in ("method", "url", "attempts", "elapsed", "sent", "retry_after", "retryable"):
            assert getattr(twin, name) == getattr(error, name)


def check_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Check that no log record but urllib3's, which users turn on themselves, holds a secret."""
    told = [one.getMessage() for one in caplog.records if not one.name.startswith("urllib3")]
    assert "of-mine" not in "".join(told)


def main() -> int:
    """Meet every fault and write the page."""
    TABLE.writing = True
    status = pytest.main(["-q", "-p", "no:cacheprovider", *MODULES])
    if status == 0:
        PAGE.write_text(render(TABLE.rows()), encoding="utf-8")
    return int(status)


if __name__ == "__main__":
    from tests import fault_table  # The module that the tests record in, not the one that is run.

    sys.exit(fault_table.main())
