"""For how long and where recordings are kept: rules, quotas, free space, copies in a bucket."""
