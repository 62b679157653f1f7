"""Compiling in a child process that can be killed: progress, log, time left."""
