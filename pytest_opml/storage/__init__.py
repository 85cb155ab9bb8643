"""Files on this machine: the cache, the kept artifacts of releases, and locks."""
