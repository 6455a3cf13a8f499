"""Commands that need Prefect. They are found by entry points, and import it when they run."""
