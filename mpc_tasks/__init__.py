"""The steps of a joint analysis as versioned Prefect tasks: references in, references out, one audit event each."""
