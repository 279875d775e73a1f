"""Many runs of a job as a single run."""
