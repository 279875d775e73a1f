"""Tasks of Natural Instructions (v1) and Super-Natural-Instructions: files, rules, encodings."""
