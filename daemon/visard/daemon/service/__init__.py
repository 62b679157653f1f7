"""The running Visard: switches personas, cameras and settings."""
