"""What was promised in numbers, measured."""
