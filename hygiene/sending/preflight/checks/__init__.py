"""What preflight looks at: one file an area, one function a check."""
