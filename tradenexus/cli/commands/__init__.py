"""One module per noun; each holds `app`, a typer application that `tradenexus.cli.main` loads at first use."""
