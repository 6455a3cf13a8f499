"""Run all analyses of one agreement as one joint computation, and rehearse it in the clear."""
