"""`python -m tradenexus.cli` is the same program as the installed `nexus`."""

from tradenexus.cli.main import run

if __name__ == "__main__":
    run()
