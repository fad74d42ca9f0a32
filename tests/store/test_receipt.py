"""Receipts: what a read cost."""

from __future__ import annotations

import pickle
import threading

import pytest

from cryodata.store.receipt import Receipt, Tally


def test_receipts_add_up_and_subtract() -> None:
    """Two granules of one dataset would show the cost of one."""
    one = Receipt(requests=2, nbytes=10, rounds=1, retries=1, hedges=0, seconds=0.5)
    two = Receipt(requests=3, nbytes=20, rounds=2, retries=0, hedges=1, seconds=0.25)
    both = Receipt(requests=5, nbytes=30, rounds=3, retries=1, hedges=1, seconds=0.75)
    assert one + two == sum([one, two]) == both
    assert both - one == two


def test_a_receipt_adds_to_receipts_only() -> None:
    """A wrong operand would be swallowed instead of named."""
    with pytest.raises(TypeError):
        Receipt() + 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        Receipt() - 1  # type: ignore[operator]


@pytest.mark.parametrize(
    "receipt, text",
    [
        (Receipt(), "0 requests in 0 rounds, 0 B, 0 s"),
        (
            Receipt(requests=1, nbytes=999, rounds=1, seconds=0.25),
            "1 request in 1 round, 999 B, 0.25 s",
        ),
        (
            Receipt(requests=1234, nbytes=10_300_000, rounds=4, retries=1, hedges=2, seconds=1.5),
            "1,234 requests in 4 rounds, 10.3 MB, 1.5 s (1 retry, 2 hedges)",
        ),
        (Receipt(nbytes=999_900, retries=2), "0 requests in 0 rounds, 1 MB, 0 s (2 retries)"),
        (Receipt(nbytes=7 * 10**12), "0 requests in 0 rounds, 7 TB, 0 s"),
    ],
)
def test_a_receipt_prints_in_one_line(receipt: Receipt, text: str) -> None:
    """The figures a user sees would be in unreadable units or the wrong number."""
    assert str(receipt) == text


def test_a_receipt_shows_as_a_table_in_a_notebook() -> None:
    """A notebook would show nothing of the cost."""
    html = Receipt(requests=3, nbytes=2_000_000, retries=1)._repr_html_()
    assert "<dt>Requests</dt><dd>3</dd>" in html
    assert "<dt>Bytes</dt><dd>2 MB</dd>" in html
    assert "<dt>Sent again</dt><dd>1 retry</dd>" in html


def test_a_receipt_pickles() -> None:
    """A dask worker could not send its receipt home."""
    receipt = Receipt(requests=3, seconds=0.5)
    assert pickle.loads(pickle.dumps(receipt)) == receipt


def test_a_tally_loses_nothing_between_threads() -> None:
    """Requests of parallel reads would go uncounted."""
    tally = Tally()

    def work() -> None:
        for _ in range(1000):
            tally.add(requests=1, nbytes=3, seconds=0.5)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.receipt == Receipt(requests=8000, nbytes=24_000, seconds=4000.0)
