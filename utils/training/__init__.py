"""What training needs and no lesson teaches: budgets, checkpoints, run folders, progress, `course train`'s recipes."""
