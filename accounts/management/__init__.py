"""Commands about people and their keys."""
