"""Commands of the entry points."""
