"""What each role does, in the order it does it: an owner contributes, a node computes and releases, a recipient opens.

Each is driven by the steps of a flow, or by the command line; neither is known here.
"""
