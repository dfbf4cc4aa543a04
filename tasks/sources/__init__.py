"""Where the files of a task come from: the data home, the cache, an archive or an address."""
