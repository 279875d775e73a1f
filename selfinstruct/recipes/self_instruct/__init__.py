"""Self-Instruct (Wang et al., ACL 2023): settings with presets, the recipe."""
