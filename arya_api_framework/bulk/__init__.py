"""Many calls, a bounded number of them at once."""
