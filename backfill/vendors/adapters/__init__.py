"""One module a vendor, loaded by the registry through its dotted path; nobody imports one, none knows another."""
