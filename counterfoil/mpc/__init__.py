"""The joint computation: secret sharing, the two suites, and the circuits that run on them."""
