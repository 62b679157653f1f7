"""Precision written into the graph: half precision with islands of fp32, and int8 from samples."""
