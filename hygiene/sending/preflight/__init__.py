"""May it be sent? The domain, the keys, the list, the fields, the content and the volume, before message 1."""
