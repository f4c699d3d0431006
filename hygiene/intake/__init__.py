"""What a person drops on a command, as text or tables that can be read safely."""
