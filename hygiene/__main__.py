"""``python -m hygiene``."""

from hygiene.cli.app import main

main()
