"""`manage.py simulate_device`."""
