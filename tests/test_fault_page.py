"""The page that tells what becomes of each fault."""

import pytest

from tests.fault_table import PAGE, TABLE, committed, record, render, texts


def test_every_fault_is_told_once() -> None:
    """Names and descriptions are not used twice, and stand in one order on every machine."""
    named = [name for _, name, _ in texts()]
    told = [text for _, _, text in texts()]
    assert len(set(named)) == len(named)
    assert len(set(told)) == len(told)


def test_the_page_is_what_a_run_would_write() -> None:
    """No row, order or text of the page is anybody's own; what came of it the tests compare."""
    assert PAGE.read_text(encoding="utf-8") == render(committed())


def test_a_stale_row_is_seen() -> None:
    """An outcome that is not on the page fails the test that saw it."""
    with pytest.raises(AssertionError, match=r"python -m tests\.fault_table"):
        record("refused", "stale", None)
    del TABLE.seen["refused"]["stale"]


def test_both_clients_give_one_class() -> None:
    """No row of the page has two classes, or two answers to what was sent."""
    assert all(row.sync_client == row.async_client for row in committed().values())
