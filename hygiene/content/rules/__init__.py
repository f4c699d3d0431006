"""The rules of content, one file a subject; each rule is a function named after its finding."""
