"""What jobs of this app read and wrote, for collectors of lineage (settings.NEXUS_OPENLINEAGE).

`named` calls versions, entries, snapshots and exports by their names in lineage; `moves` tells of versions, `lakemoves`
of the lake and what is made of it. Everything comes from rows; what they do not say is left out.
"""
