"""An app with one kind of job that does nothing: what a job costs beside its work. Installed by queueapp.settings."""
