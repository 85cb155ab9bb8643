"""Files on this machine: the cache, the artifacts of releases, and locks; and the cache that machines share."""
