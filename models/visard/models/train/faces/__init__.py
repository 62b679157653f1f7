"""Sets of aligned faces: extracted, chosen, ordered, looked at, and read by the trainer."""
