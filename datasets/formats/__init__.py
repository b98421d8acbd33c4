"""The one parser of preview and job: sniffing, dialects, readers and column mapping. Runs inside a capped child."""
