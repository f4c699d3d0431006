"""What the published records amount to: facts → one frozen view a subject, pure.

A view asks the facts for what it needs and copes with what is not there yet; whatever it asked in vain is
looked up and the view is read again. So the order of look-ups is written nowhere, and a saved audit is read by
the same code that collected it.
"""
