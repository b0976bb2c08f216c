"""What is kept: the segment log and its index."""
