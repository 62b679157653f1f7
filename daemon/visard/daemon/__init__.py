"""The running system: frames in, pipeline, guard, frames out."""
