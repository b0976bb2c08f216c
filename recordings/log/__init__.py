"""What was captured, as it is written to the disk: bytes, folders, the one writer. Knows no database."""
