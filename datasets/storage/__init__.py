"""Where bytes rest: layout names the keys, blobs puts and reads them, manifests says what a version consists of.

Everything goes through the Django storage alias `data` (a folder under NEXUS_HOME by default, S3 by setting).
"""
