"""The library of personas, and how one is prepared."""
