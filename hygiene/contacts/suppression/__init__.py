"""Who must never be mailed again, and why: lists from files.

The workspace's own list is in `hygiene.contacts.suppression.workspace`, which brings a database with it.
"""

from hygiene.contacts.suppression.entries import Entry as Entry
from hygiene.contacts.suppression.entries import ReadNote as ReadNote
from hygiene.contacts.suppression.entries import SuppressionList as SuppressionList
from hygiene.contacts.suppression.entries import combine as combine
from hygiene.contacts.suppression.entries import suppressed_by as suppressed_by
from hygiene.contacts.suppression.read import read_suppressions as read_suppressions
from hygiene.suppression_forms import HASHED_FIELDS as HASHED_FIELDS
from hygiene.suppression_forms import Form as Form
from hygiene.suppression_forms import Reason as Reason
from hygiene.suppression_forms import digest_sql as digest_sql
from hygiene.suppression_forms import hash_forms as hash_forms
from hygiene.suppression_forms import read_target as read_target
