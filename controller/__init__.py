"""The service of one house: the only place where time, I/O and decisions meet."""
