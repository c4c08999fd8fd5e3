"""Bodies that do not fit in memory, or need not."""
