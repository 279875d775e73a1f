"""What calls cost, and the caps on that."""
