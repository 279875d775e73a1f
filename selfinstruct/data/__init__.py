"""What a dataset is made of: tasks, instructions, examples, rejected candidates, and their JSON lines."""
