"""The embedded run of `make run`: everything as processes of one supervisor, without a server, a compiler or root."""
