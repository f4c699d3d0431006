"""Reconciliation as a person would do it by hand: row by row, and sharing nothing with the plan."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BAD = {"hard": 4, "block": 3, "soft": 2, "unknown": 1}
ATTRIBUTES = ("campaign", "variant", "segment", "stream", "domain", "provider")
KINDS_ASIDE = {"converted", "unknown"}


def second(event):
    return None if event["ts_us"] is None else event["ts_us"] // 1_000_000


def first(times):
    return min((time for time in times if time is not None), default=None)


def last(times):
    return max((time for time in times if time is not None), default=None)


def reconcile_by_hand(events, timezone="UTC", never=(), attribution=("last", ("clicked",), 5 * 86_400_000_000)):
    """(mails by key, orphans counted by source, kind and reason, duplicates, credited orders)."""
    events = [dict(event) for event in events]
    sources = {event["source"] for event in events}
    for source in sources:
        own = [event for event in events if event["source"] == source and event["kind"] not in KINDS_ASIDE]
        if not any(event["message_id"] for event in own):
            for event in (event for event in events if event["source"] == source):
                event["message_id"] = event["campaign"]
            if not any(event["campaign"] for event in own) and not mailed_twice(own):
                for event in (event for event in events if event["source"] == source):
                    event["message_id"] = source
    orphans, mails = Counter(), defaultdict(list)
    for event in events:
        if event["kind"] in KINDS_ASIDE:
            continue
        if event["message_id"] is None:
            orphans[event["source"], event["kind"], "names no message"] += 1
        elif event["recipient"] is None:
            orphans[event["source"], event["kind"], "names nobody"] += 1
        else:
            mails[event["source"], event["message_id"], event["recipient"]].append(event)
    placed = [event for own in mails.values() for event in own]
    sending = {event["source"] for event in placed if event["kind"] == "sent"}
    silent = silent_about_delivery(events, placed, never)
    known, duplicates = {}, 0
    for key, own in sorted(mails.items()):
        kinds = {event["kind"] for event in own}
        proofs = (
            {"sent", "rejected"}
            if key[0] in sending
            else {"sent", "rejected", "delivered", "bounced", "deferred"}
        )
        if not kinds & proofs:
            why = (
                "its mail was not sent within this log"
                if key[0] in sending
                else "nothing proves that its mail was sent"
            )
            for event in own:
                orphans[key[0], event["kind"], why] += 1
            continue
        known[key] = own
        duplicates += len(own) - len(distinct(own))
    rows = {key: one_mail(own, ZoneInfo(timezone), key[0] in silent) for key, own in known.items()}
    track(rows, known)
    credited = attribute(events, rows, known, attribution)
    return rows, orphans, duplicates, credited


def mailed_twice(own):
    """Whether anybody was sent to, or delivered to, at two times."""
    times = defaultdict(set)
    for event in own:
        if event["kind"] in ("sent", "delivered") and event["ts_us"] is not None:
            times[event["kind"], event["recipient"]].add(event["ts_us"])
    return any(max(each) - min(each) >= 1_000_000 for each in times.values())


def silent_about_delivery(events, placed, never):
    """Sources that never say delivered: declared, or with so many sends that it cannot be chance."""
    found = set()
    for source in {event["source"] for event in events}:
        kinds = Counter(event["kind"] for event in placed if event["source"] == source)
        said = any(event["kind"] == "delivered" and event["source"] == source for event in events)
        many = kinds["sent"] >= 100 and any(
            kinds[kind] for kind in ("bounced", "opened", "clicked", "complained")
        )
        if not said and (source in never or many):
            found.add(source)
    return found


def distinct(own):
    """One event of those that say the same; a person's before a machine's."""
    found = {}
    for event in own:
        key = (event["kind"], second(event), event["url"], event["bounce_class"])
        best = found.get(key)
        if best is None:
            found[key] = dict(event)
            continue
        if best["ts_us"] is not None:
            best["ts_us"] = min(best["ts_us"], event["ts_us"])
        if not is_machine(event):
            best["machine"] = event["machine"]
    return list(found.values())


def is_machine(event):
    return event["machine"] in ("mpp", "scanner")


def human_clicks(own):
    """The clicks that are no machine's, no sweep's and not before the delivery."""
    events = distinct(own)
    clicks = [event for event in events if event["kind"] == "clicked"]
    delivered = first(event["ts_us"] for event in own if event["kind"] == "delivered")
    people = []
    for click in clicks:
        if is_machine(click):
            continue
        if click["ts_us"] is not None:
            if delivered is not None and click["ts_us"] + 1_000_000 <= delivered:
                continue
            windows = [(second(click) - 1, second(click)), (second(click), second(click) + 1)]
            links = [
                {each["url"] for each in clicks if each["url"] is not None and second(each) in window}
                for window in windows
            ]
            if max(map(len, links)) >= 3:
                continue
        people.append(click)
    return people


def one_mail(own, zone, silent):
    of = defaultdict(list)
    for event in own:
        of[event["kind"]].append(event)
    when = {kind: [event["ts_us"] for event in events] for kind, events in of.items()}
    proven = (
        bool(of.keys() & {"delivered", "opened", "clicked", "complained", "replied", "unsubscribed"}) or silent
    )
    if of["rejected"]:
        state = "rejected"
    elif of["bounced"]:
        state = "bounced"
    else:
        state = "delivered" if proven else "pending"
    sent_us = first(when.get("sent", []))
    if sent_us is None:
        sent_us = first(event["ts_us"] for event in own)
    day = None if sent_us is None else (EPOCH + timedelta(microseconds=sent_us)).astimezone(zone).date()
    people = human_clicks(own)
    bounced = state == "bounced"
    never_dated = None in when.get("bounced", [None])
    delivered_us = first(when.get("delivered", []))
    if of["delivered"] and of["bounced"]:
        latest = last(when["bounced"])
        late = never_dated or (delivered_us is not None and latest >= delivered_us)
    else:
        late = False
    worst = worst_event(of)
    opens = [event for event in distinct(own) if event["kind"] == "opened"]
    row = {
        "sent_us": sent_us,
        "day": None if day is None else (day - date(1970, 1, 1)).days,
        "week": None if day is None else (day - date(1970, 1, 1)).days - day.weekday(),
        "state": state,
        "bounce_class": max((event["bounce_class"] or "unknown" for event in of["bounced"]), key=BAD.get)
        if bounced
        else None,
        "smtp_status": worst[0],
        "reason": worst[1],
        "delivered_us": delivered_us,
        "bounced_us": first(when.get("bounced", [])),
        "late": bounced and late,
        "arrived": state != "rejected" and (bool(of["delivered"]) or state == "delivered"),
        "inferred": state != "rejected" and ((state == "delivered" and not of["delivered"]) or not of["sent"]),
        "deferred": bool(of["deferred"]),
        "complained": bool(of["complained"]),
        "complained_us": first(when.get("complained", [])),
        "unsubscribed": still_unsubscribed(when),
        "unsubscribed_us": first(when.get("unsubscribed", [])),
        "opens_total": len(opens),
        "clicks_total": len([event for event in distinct(own) if event["kind"] == "clicked"]),
        "opened_all": bool(opens),
        "opened_human": any(not is_machine(event) for event in of["opened"]),
        "clicked_all": bool(of["clicked"]),
        "clicked_human": bool(people),
        "first_open_us": first(event["ts_us"] for event in of["opened"] if not is_machine(event)),
        "first_click_us": first(event["ts_us"] for event in people),
        "last_click_us": last(event["ts_us"] for event in people),
        "orders": 0,
        "revenue_micros": 0,
        "events": len(own),
    }
    return row | {name: max((e[name] for e in own if e[name] is not None), default=None) for name in ATTRIBUTES}


def still_unsubscribed(when):
    if "unsubscribed" not in when:
        return False
    undone = last(when.get("resubscribed", []))
    return None in when["unsubscribed"] or undone is None or undone <= max(when["unsubscribed"])


def worst_event(of):
    """Status and reason of the worst of what went wrong; of a deferral, unless the mail was delivered."""
    candidates = [(6, event) for event in of["rejected"]]
    candidates += [(BAD[event["bounce_class"] or "unknown"] + 1, event) for event in of["bounced"]]
    if not of["delivered"]:
        candidates += [(1, event) for event in of["deferred"]]
    said = [(rank, event["smtp_status"] or "", event["reason"] or "") for rank, event in candidates]
    _, status, reason = max(said, default=(0, "", ""))
    return status or None, reason or None


def track(rows, known):
    """Whether opens and clicks could be seen."""
    for what, kind in (("open", "opened"), ("click", "clicked")):
        told, days = {}, defaultdict(set)
        for key, own in known.items():
            words = {event["tracked"] for event in own} - {None}
            told[key] = None if not words else bool(words & {what, "both"})
            if told[key] is not None:
                days[key[0], rows[key]["campaign"], rows[key]["day"]].add(told[key])
        for key, own in known.items():
            row = rows[key]
            seen = any(event["kind"] == kind for event in own)
            day = days.get((key[0], row["campaign"], row["day"]), {True})
            row[f"track_{what}"] = seen or (any(day) if told[key] is None else told[key])


def attribute(events, rows, known, rule):
    """Credit each order once; the number that were."""
    orders = {}
    for event in events:
        if event["kind"] == "converted":
            key = (
                (event["source"], event["event_id"])
                if event["event_id"]
                else (
                    event["source"],
                    event["recipient"],
                    second(event),
                    event["value_micros"],
                    event["currency"],
                )
            )
            orders.setdefault(key, []).append(event)
    touches = defaultdict(list)
    if rule is not None:
        for key, own in known.items():
            clicked = human_clicks(own) if "clicked" in rule[1] else []
            opened = (
                [e for e in distinct(own) if e["kind"] == "opened" and not is_machine(e)]
                if "opened" in rule[1]
                else []
            )
            touches[key[2]] += [
                (event["ts_us"], key) for event in clicked + opened if event["ts_us"] is not None
            ]
    credited = 0
    for copies in orders.values():
        key = chosen_mail(copies, touches, rule)
        if key in rows:
            credited += 1
            rows[key]["orders"] += 1
            rows[key]["revenue_micros"] += max(
                (c["value_micros"] for c in copies if c["value_micros"] is not None), default=0
            )
    for row in rows.values():
        row["converted"] = row["orders"] > 0
    return credited


def chosen_mail(copies, touches, rule):
    recipient = min((copy["recipient"] for copy in copies if copy["recipient"] is not None), default=None)
    if rule is None:
        message = min((copy["message_id"] for copy in copies if copy["message_id"] is not None), default=None)
        return copies[0]["source"], message, recipient
    ordered = first(copy["ts_us"] for copy in copies)
    if ordered is None:
        return None
    within = [(time, key) for time, key in touches[recipient] if 0 <= ordered - time <= rule[2]]
    if not within:
        return None
    chosen = (max if rule[0] == "last" else min)(time for time, _ in within)
    return min((key for time, key in within if time == chosen), key=lambda key: f"{key[0]}\x1f{key[1]}")
