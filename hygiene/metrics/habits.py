"""Further columns of mails to count by: since when a person is known, and how much mail they get a week."""

from __future__ import annotations

import narwhals as nw

from hygiene.engines.engine import Frame
from hygiene.metrics.local_time import day_of, divide, local, week_of
from hygiene.metrics.reconcile import Reconciled
from hygiene.metrics.table import State

WEEK = 7  # days


def with_cohorts(reconciled: Reconciled, joined: Frame | None = None) -> Frame:
    """The mails with `cohort`, the Monday of the week in which a person was first mailed, and `weeks_since`.

    `joined` (recipient, joined_us) tells of sign-ups: then the week is that of the first one. Both columns are
    null of people whom it does not name, as their first mail in a log says nothing, and of mails sent before.
    """
    mails = reconciled.mails
    if joined is None:
        first = mails.group_by("recipient").agg(cohort=nw.col("week").min())
    else:
        when = day_of(local(nw.col("joined_us"), list(reconciled.zone_changes)))
        first = joined.group_by("recipient").agg(nw.col("joined_us").min())
        first = first.select("recipient", cohort=week_of(when))
    mails = mails.join(first, on="recipient", how="left")
    age = nw.col("week") - nw.col("cohort")
    cohort = nw.when(age >= 0).then(nw.col("cohort"))
    return mails.with_columns(cohort=cohort, weeks_since=divide(nw.when(age >= 0).then(age), WEEK))


def with_frequency(reconciled: Reconciled) -> Frame:
    """The mails with `mails_a_week`: how many were sent to the same person in the same week, from Monday."""
    sent = reconciled.mails.filter(nw.col("state") != State.REJECTED.value)
    weekly = sent.filter(~nw.col("week").is_null()).group_by("recipient", "week").agg(mails_a_week=nw.len())
    return reconciled.mails.join(weekly, on=["recipient", "week"], how="left").with_columns(
        nw.col("mails_a_week").cast(nw.Int64)
    )
