"""The command line: a command is arguments → one public call → print."""
