"""A server of files that does what the tests ask of nginx, where that is not installed."""

import gzip
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

__all__ = ["serve_files"]

_PIECE = 64 * 1024
_SLOW = 4 * 1024 * 1024


@contextmanager
def serve_files(root: Path) -> Generator[str]:
    """Serve the files of a folder, in the places that `nginx_files` names; give the origin."""

    class Files(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            *place, name = self.path.strip("/").split("/")
            content = (root / name).read_bytes()
            changed = (root / name).stat().st_mtime
            fields = {"Last-Modified": formatdate(changed, usegmt=True)}
            if place != ["plain"]:
                fields["ETag"] = f'"{int(changed):x}-{len(content):x}"'
            if place not in (["whole"], ["packed"]):
                fields["Accept-Ranges"] = "bytes"
            status = 200
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            is_same = self.headers.get("If-Range") in (None, *fields.values())
            if place == ["packed"] and "gzip" in self.headers.get("Accept-Encoding", ""):
                content = gzip.compress(content)
                fields["Content-Encoding"] = "gzip"
            elif place != ["whole"] and asked is not None and is_same:
                start, end = int(asked[1]), int(asked[2] or len(content) - 1) + 1
                status = 206 if start < len(content) else 416
                span = f"{start}-{min(end, len(content)) - 1}" if status == 206 else "*"
                fields["Content-Range"] = f"bytes {span}/{len(content)}"
                content = content[start:end]
            self.send_response(status)
            for field, value in {**fields, "Content-Length": str(len(content))}.items():
                self.send_header(field, value)
            self.end_headers()
            try:
                for at in range(0, len(content), _PIECE):
                    self.wfile.write(content[at : at + _PIECE])
                    if place == ["slow"]:
                        time.sleep(_PIECE / _SLOW)
            except ConnectionError:  # The client has what it wants.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
