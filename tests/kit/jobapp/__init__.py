"""An app with kinds of jobs for tests: good ones, poison and slow ones. Installed by tests.kit.jobsettings only."""
