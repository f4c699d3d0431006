"""What is published: text ↔ frozen dataclass, one file a record kind, pure."""
