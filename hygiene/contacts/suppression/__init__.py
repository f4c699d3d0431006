"""Who must never be mailed again, and why: lists from files, and the workspace's own."""

from hygiene.contacts.suppression.entries import Entry as Entry
from hygiene.contacts.suppression.entries import ReadNote as ReadNote
from hygiene.contacts.suppression.entries import SuppressionList as SuppressionList
from hygiene.contacts.suppression.entries import combine as combine
from hygiene.contacts.suppression.entries import suppressed_by as suppressed_by
from hygiene.contacts.suppression.read import read_suppressions as read_suppressions
from hygiene.contacts.suppression.workspace import COMMAND_LINE as COMMAND_LINE
from hygiene.contacts.suppression.workspace import Added as Added
from hygiene.contacts.suppression.workspace import Erased as Erased
from hygiene.contacts.suppression.workspace import Export as Export
from hygiene.contacts.suppression.workspace import add_suppressions as add_suppressions
from hygiene.contacts.suppression.workspace import count_suppressions as count_suppressions
from hygiene.contacts.suppression.workspace import erase_people as erase_people
from hygiene.contacts.suppression.workspace import export_suppressions as export_suppressions
from hygiene.contacts.suppression.workspace import import_suppressions as import_suppressions
from hygiene.contacts.suppression.workspace import load_suppressions as load_suppressions
from hygiene.suppression_forms import HASHED_FIELDS as HASHED_FIELDS
from hygiene.suppression_forms import Form as Form
from hygiene.suppression_forms import Reason as Reason
from hygiene.suppression_forms import digest_sql as digest_sql
from hygiene.suppression_forms import hash_forms as hash_forms
from hygiene.suppression_forms import read_target as read_target
