"""What people see of jobs: the list with its timeline, one job with its steps and log, and parts for other pages."""
