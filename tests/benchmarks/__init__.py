"""How fast the clients are, against the same calls by hand: `python -m tests.benchmarks`."""
