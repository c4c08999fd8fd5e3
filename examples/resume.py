"""A big upload that goes on where it was left, also when the program was ended in between.

Run it with `python -m examples.resume`.
"""

import json
import tempfile
from pathlib import Path

from arya_api_framework import SyncClient
from examples import api

MiB = 1024 * 1024


def upload(client: SyncClient, film: Path, notes: Path, *, patience: int) -> None:
    """Upload a film by tus, and keep beside it where to go on.

    Args:
        client: Whose server it is for.
        film: The film.
        notes: Where the state is kept.
        patience: After how many bytes the user gives up.
    """

    def look(sent: int, total: int | None) -> None:
        if sent > patience:
            raise KeyboardInterrupt

    state = json.loads(notes.read_text()) if notes.exists() else None
    sending = client.tus(
        film,
        "/files",
        state=state,
        chunk_size=MiB,
        on_progress=look,
        progress=True,  # A bar, where there is a terminal.
    )
    if state is not None:
        print(f"the server has {sending.refresh() // MiB} MiB already")
    try:
        sending.send()
    except KeyboardInterrupt:
        notes.write_text(json.dumps(sending.state))
        print(f"broken off after {sending.offset // MiB} MiB")
    else:
        notes.unlink(missing_ok=True)
        print(f"all {sending.offset // MiB} MiB have arrived")


def main() -> None:
    """Upload a film in two goes."""
    with api() as url, tempfile.TemporaryDirectory() as folder, SyncClient(url) as client:
        film, notes = Path(folder, "film.mp4"), Path(folder, "film.json")
        film.write_bytes(bytes(3 * MiB))
        upload(client, film, notes, patience=MiB)
        upload(client, film, notes, patience=9 * MiB)


if __name__ == "__main__":
    main()
