"""The running pipeline: capture, track, swap or animate, blend, guard, sinks."""
