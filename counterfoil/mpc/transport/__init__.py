"""Links between parties: frames that are checked before they are believed, over memory or TLS."""
