"""Connect parties by links whose frames are checked before they are believed, over memory or TLS."""
