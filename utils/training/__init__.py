"""What training needs and no lesson teaches: budgets, checkpoints, run folders, progress, and the recipes of `course train`."""
