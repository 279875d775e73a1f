"""The records of a dataset and their JSON lines: tasks, instructions, examples, rejections."""
