"""What we think of it: one function a finding id, pure."""
