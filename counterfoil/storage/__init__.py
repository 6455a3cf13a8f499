"""Keep bytes: exchanges by URL, records, a party's state, and shares at rest."""
