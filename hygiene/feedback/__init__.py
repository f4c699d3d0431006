"""What comes back closes the loop: bounces, complaints and opt-outs → events → who is mailed again."""
