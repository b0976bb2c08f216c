"""Hearing a recording again: any stretch of it, as a file with ranges."""
