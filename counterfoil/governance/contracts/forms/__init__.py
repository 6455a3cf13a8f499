"""How the files of each party write a contract's table, where that does not follow from a file itself."""
