"""Settings of the person: what there is, the file they are kept in, the folders Visard uses."""
