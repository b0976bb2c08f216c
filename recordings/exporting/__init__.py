"""Files that people take away: made in the background, one job a row."""
