"""Is a post the provider's? One function a provider, chosen by name; SNS alone needs a certificate fetched first."""
