"""What follows what, and nothing else: one Prefect flow a stage, and the worker that runs them."""
