"""Claims of the reports as experiments: rules, runs and computed verdicts. docs/claims.md explains them."""
