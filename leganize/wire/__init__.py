"""What travels on sockets and lies in segments: pure Python, no Django, nothing here waits."""
