"""What stands around every page: who is signed in, their organization, how many devices capture."""


def chrome(request):
    """Return what the base template needs on every page."""
    return {}
