"""The views: look up with permission, form, operation, redirect."""
