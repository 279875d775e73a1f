"""selfinstruct: instruction-tuning data from a language model, the Self-Instruct way (Wang et al., ACL 2023)."""

__version__ = "0.1.0"
