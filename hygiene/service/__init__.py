"""What the outside calls: the endpoints of providers and of people."""
