from benchmarks.long_ledger import measure_long_ledger


def test_every_cell_has_a_row() -> None:
    """A made-up stream has a row for R[after, on] of every arrival so far, at each length it is looked at."""
    result = measure_long_ledger(5)
    names = [figure.name for figure in result.figures]
    for length, rows in ((1, 1), (2, 3), (5, 15)):
        assert f"results read of {length} arrivals ({rows} rows)" in names
    assert all(figure.median > 0 for figure in result.figures)
