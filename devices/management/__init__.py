"""Commands that play devices."""
