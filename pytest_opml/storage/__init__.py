"""Files on this machine: the cache, the artifacts of releases, and locks."""
