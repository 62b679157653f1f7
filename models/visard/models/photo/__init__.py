"""Photos that personas are made from: their faces found, numbered, chosen, cut out and judged."""
