"""What providers tell us by HTTP: verified, stored as it came, then read into the event table.

An endpoint does this, and answers 200 only after a post is stored (`Stored.status` and `Refused.status` are the
HTTP statuses; what `Refused.reason` says is for our log, never for whoever posted)::

    gate = open_gate("ses", settings.webhooks["ses"])       # once; UsageError where something is missing
    certificates = Certificates(fetcher)                    # once; SNS only
    post = read_post(header_pairs, body, peer="192.0.2.1")
    verdict = await verify_post(gate, post, certificates=certificates, now=now)
    if isinstance(verdict, Verified):
        if verdict.confirm_url:
            confirmed = await confirm_subscription(verdict, fetcher)
        stored = store_post(store, verdict, post, now=now)
    ...
    processed = process_pending(store, now=now)             # in the background, until processed.left is 0
"""
