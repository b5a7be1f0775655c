"""Audits of models that are not ours: membership of a classifier or of a file of scores, images from features at a cut.

The names here are those of the library's front door: `privprune.audit`, `privprune.audit_split`.
"""

from privprune.auditing.audit import audit, audit_scores
from privprune.auditing.settings import AuditSettings, SplitSettings
from privprune.auditing.split import audit_split

__all__ = ["AuditSettings", "SplitSettings", "audit", "audit_scores", "audit_split"]
