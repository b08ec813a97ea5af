"""What was learnt: figures, churn, the matrix, files."""
