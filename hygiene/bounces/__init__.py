"""What comes back: bounces, complaints, automatic replies and opt-outs by mail, and what refusals mean."""
