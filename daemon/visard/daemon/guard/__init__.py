"""Decides what may leave the machine."""
