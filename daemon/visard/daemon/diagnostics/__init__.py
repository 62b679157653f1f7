"""What is here, what is missing, how fast it is and how to get it."""
